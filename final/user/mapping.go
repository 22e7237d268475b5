package user

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"stave/final/plan"
)

// A Mapping is how ids inside a user namespace stand for ids outside. See user_namespaces(7).
type Mapping struct {
	UIDs, GIDs []specs.LinuxIDMapping
	// Helpers tells that newuidmap(1) and newgidmap(1) write it, because it has more than one's own id.
	Helpers bool
}

// ForCaller is the mapping that someone without privileges over the whole machine gets: for an ordinary user, root inside is oneself outside, and if /etc/subuid and /etc/subgid grant a
// range and the two programs that may use it are installed, ids from 1 up are that range. Otherwise root is the only id there is.
func ForCaller() Mapping {
	uid, gid := os.Geteuid(), os.Getegid()
	if uid == 0 {
		return nested()
	}
	m := Mapping{UIDs: single(uid), GIDs: single(gid)}
	name := ""
	if passwd, err := plan.ReadFile("/etc/passwd"); err == nil { // not os/user, which would bring in the C library
		for _, a := range Accounts(passwd) {
			if int(a.UID) == uid {
				name = a.Name
				break
			}
		}
	}
	subUID, err1 := subordinate("/etc/subuid", name, uid)
	subGID, err2 := subordinate("/etc/subgid", name, uid)
	_, err3 := exec.LookPath("newuidmap")
	_, err4 := exec.LookPath("newgidmap")
	if errors.Join(err1, err2, err3, err4) != nil {
		return m
	}
	m.UIDs, m.GIDs, m.Helpers = append(m.UIDs, subUID), append(m.GIDs, subGID), true
	return m
}

// Own are the ids that exist in the user namespace this process is in, each standing for itself.
func Own() Mapping {
	return Mapping{UIDs: itself("/proc/self/uid_map"), GIDs: itself("/proc/self/gid_map")}
}

// MaySetGroups tells whether setgroups(2) is allowed in the user namespace this process is in (user_namespaces(7)).
func MaySetGroups() bool {
	b, err := plan.ReadFile("/proc/self/setgroups")
	return err != nil || strings.TrimSpace(string(b)) != "deny"
}

// nested is the mapping for root of a user namespace: every id it has stands for itself.
func nested() Mapping {
	m := Own()
	if len(m.UIDs) == 0 || len(m.GIDs) == 0 {
		return Mapping{UIDs: single(0), GIDs: single(0)}
	}
	return m
}

func itself(file string) []specs.LinuxIDMapping {
	b, err := plan.ReadFile(file)
	if err != nil {
		return nil
	}
	var list []specs.LinuxIDMapping
	for line := range strings.Lines(string(b)) {
		var inside, outside, count uint32
		if n, _ := fmt.Sscan(line, &inside, &outside, &count); n == 3 {
			list = append(list, specs.LinuxIDMapping{ContainerID: inside, HostID: inside, Size: count})
		}
	}
	return list
}

func single(id int) []specs.LinuxIDMapping {
	return []specs.LinuxIDMapping{{ContainerID: 0, HostID: uint32(id), Size: 1}}
}

// subordinate finds the first range that a file in the format of subuid(5) grants to a user, by name or by number.
func subordinate(file, name string, uid int) (specs.LinuxIDMapping, error) {
	f, err := os.Open(file)
	if err != nil {
		return specs.LinuxIDMapping{}, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		fields := strings.Split(strings.TrimSpace(s.Text()), ":")
		if len(fields) != 3 || (fields[0] != name && fields[0] != strconv.Itoa(uid)) || fields[0] == "" {
			continue
		}
		start, err1 := strconv.ParseUint(fields[1], 10, 32)
		count, err2 := strconv.ParseUint(fields[2], 10, 32)
		if err1 == nil && err2 == nil && count > 0 {
			return specs.LinuxIDMapping{ContainerID: 1, HostID: uint32(start), Size: uint32(count)}, nil
		}
	}
	return specs.LinuxIDMapping{}, fmt.Errorf("%s grants nothing to %s", file, name)
}

// Single tells whether root is the only user and the only group inside.
func (m Mapping) Single() bool {
	return len(m.UIDs) == 1 && m.UIDs[0].Size == 1 && len(m.GIDs) == 1 && m.GIDs[0].Size == 1
}

// Contains tells whether an id inside stands for one outside.
func Contains(list []specs.LinuxIDMapping, id uint32) bool {
	for _, m := range list {
		if id >= m.ContainerID && uint64(id) < uint64(m.ContainerID)+uint64(m.Size) {
			return true
		}
	}
	return false
}

// Write appends the parent's operation that writes the mapping, right after clone. A
// user may map only their own id by themselves, and only after giving up setgroups(2), which could otherwise drop a group that
// denies access (CVE-2014-8989).
func (m Mapping) Write(p *plan.Plan) {
	const why = "ids inside stand for these outside: inside it is root, outside it is nobody special"
	child := func(file string) plan.Arg {
		return plan.Concat(plan.Str("/proc/"), plan.Ref("child"), plan.Str("/"+file))
	}
	op := plan.Op{Actor: plan.Parent, What: "mapping user and group ids", Step: step, Why: why}
	switch {
	case m.Helpers:
		op.Calls = []plan.Call{
			{Name: plan.RunProgram, Args: append([]plan.Arg{plan.Str("newuidmap"), plan.Ref("child")}, words(m.UIDs)...)},
			{Name: plan.RunProgram, Args: append([]plan.Arg{plan.Str("newgidmap"), plan.Ref("child")}, words(m.GIDs)...)},
		}
	default:
		if m.Single() {
			op.Calls = p.WriteFile(child("setgroups"), plan.Str("deny"))
		}
		op.Calls = append(op.Calls, p.WriteFile(child("uid_map"), plan.Str(lines(m.UIDs)))...)
		op.Calls = append(op.Calls, p.WriteFile(child("gid_map"), plan.Str(lines(m.GIDs)))...)
	}
	p.Add(op)
}

// Become appends the child's operation that makes it root in its namespace, once the mapping is written.
func Become(p *plan.Plan) {
	p.Add(plan.Op{Actor: plan.Child, What: "becoming root in the user namespace", Step: step,
		Why: "until now its ids had no name in there",
		Calls: []plan.Call{
			{Name: "setresgid", Args: []plan.Arg{plan.Int(0), plan.Int(0), plan.Int(0)}},
			{Name: "setresuid", Args: []plan.Arg{plan.Int(0), plan.Int(0), plan.Int(0)}},
		}})
}

// extent says which ids there are, and how to get more.
func (m Mapping) extent() string {
	if m.Single() {
		return wayOut
	}
	return fmt.Sprintf("only users %s and groups %s are mapped; for more, have a larger range in /etc/subuid and /etc/subgid (subuid(5))", ranges(m.UIDs), ranges(m.GIDs))
}

func ranges(list []specs.LinuxIDMapping) string {
	var words []string
	for _, m := range list {
		word := fmt.Sprint(m.ContainerID)
		if m.Size > 1 {
			word = fmt.Sprintf("%d-%d", m.ContainerID, uint64(m.ContainerID)+uint64(m.Size)-1)
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// lines are a mapping as /proc/PID/uid_map takes it.
func lines(list []specs.LinuxIDMapping) string {
	var b strings.Builder
	for _, m := range list {
		fmt.Fprintf(&b, "%d %d %d\n", m.ContainerID, m.HostID, m.Size)
	}
	return b.String()
}

// words are a mapping as newuidmap(1) takes it.
func words(list []specs.LinuxIDMapping) []plan.Arg {
	var args []plan.Arg
	for word := range strings.FieldsSeq(lines(list)) {
		args = append(args, plan.Str(word))
	}
	return args
}

// Credentials appends the child's operations that make it the user a configuration names. m is nil without a user namespace of its own; then setgroups says whether
// setgroups(2) is allowed in the one it is in ([MaySetGroups]).
func Credentials(p *plan.Plan, u specs.User, m *Mapping, setgroups bool) error {
	if m != nil {
		setgroups = !m.Single()
	}
	for _, id := range append([]uint32{u.UID, u.GID}, u.AdditionalGids...) {
		if id == noID {
			return fmt.Errorf("%d is not a user or group id: to setresuid(2) it means no change, and the program would stay root", id)
		}
	}
	if m != nil && (!Contains(m.UIDs, u.UID) || !Contains(m.GIDs, u.GID)) {
		return fmt.Errorf("user %d:%d doesn't exist in this user namespace: %s", u.UID, u.GID, m.extent())
	}
	groups := plan.Call{Name: "setgroups", Args: []plan.Arg{plan.Int(len(u.AdditionalGids)), plan.Null()}}
	if len(u.AdditionalGids) > 0 {
		groups.Args[1] = plan.Bytes(fmt.Sprint(u.AdditionalGids), plan.HalfWords(u.AdditionalGids...))
	}
	op := plan.Op{Actor: plan.Child, What: fmt.Sprintf("becoming user %d, group %d", u.UID, u.GID), Step: step,
		Why: "groups first: without root's rights they can't be changed any more (setuid(2))"}
	switch {
	case setgroups:
		op.Calls = append(op.Calls, groups)
	case len(u.AdditionalGids) > 0:
		return fmt.Errorf("additional groups don't exist in this user namespace: %s", wayOut)
	}
	uid, gid := plan.Int(int(u.UID)), plan.Int(int(u.GID))
	op.Calls = append(op.Calls,
		plan.Call{Name: "setresgid", Args: []plan.Arg{gid, gid, gid}},
		plan.Call{Name: "setresuid", Args: []plan.Arg{uid, uid, uid}})
	p.Add(op)
	if u.Umask != nil {
		p.Add(plan.Op{Actor: plan.Child, What: fmt.Sprintf("setting the umask to %#o", *u.Umask), Step: step,
			Calls: []plan.Call{{Name: "umask", Args: []plan.Arg{plan.Mode(*u.Umask)}}}})
	}
	return nil
}

const (
	step   = "08-user"
	noID   = math.MaxUint32 // the kernel's (uid_t)-1
	wayOut = "only root is mapped; for more, install newuidmap (package uidmap) and give yourself a range in /etc/subuid and /etc/subgid (subuid(5))"
)
