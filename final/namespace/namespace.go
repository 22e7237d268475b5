// Package namespace gives a container its own view of what is otherwise global: its host name, its process ids, its network. A
// namespace is made by clone(2), or, for cgroups, by unshare(2) once the process is where its view should begin. See steps 01-uts and
// 02-pid, and namespaces(7).
package namespace

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/plan"
)

const (
	stepUTS     = "01-uts"
	stepPID     = "02-pid"
	stepMount   = "03-mount"
	stepCgroups = "04-cgroups"
	stepNetwork = "07-network"
)

// A kind is one type of namespace: its name in the OCI specification, its name in /proc/PID/ns, and its flag.
type kind struct {
	name specs.LinuxNamespaceType
	file string
	flag int
	text string
}

// kinds, the user namespace first: it decides what one may do in the others.
var kinds = []kind{
	{specs.UserNamespace, "user", unix.CLONE_NEWUSER, "CLONE_NEWUSER"},
	{specs.MountNamespace, "mnt", unix.CLONE_NEWNS, "CLONE_NEWNS"},
	{specs.UTSNamespace, "uts", unix.CLONE_NEWUTS, "CLONE_NEWUTS"},
	{specs.IPCNamespace, "ipc", unix.CLONE_NEWIPC, "CLONE_NEWIPC"},
	{specs.PIDNamespace, "pid", unix.CLONE_NEWPID, "CLONE_NEWPID"},
	{specs.NetworkNamespace, "net", unix.CLONE_NEWNET, "CLONE_NEWNET"},
	{specs.CgroupNamespace, "cgroup", unix.CLONE_NEWCGROUP, "CLONE_NEWCGROUP"},
	{specs.TimeNamespace, "time", unix.CLONE_NEWTIME, "CLONE_NEWTIME"},
}

// A Set is the namespaces a container gets: by type, and with the path of an existing one where it joins that.
type Set struct {
	paths map[specs.LinuxNamespaceType]string
}

// New reads the set from a configuration. It refuses a type that isn't known and one named twice.
func New(list []specs.LinuxNamespace) (Set, error) {
	s := Set{paths: map[specs.LinuxNamespaceType]string{}}
	for _, n := range list {
		if _, twice := s.paths[n.Type]; twice {
			return s, fmt.Errorf("linux.namespaces names %s twice", n.Type)
		}
		if n.Path != "" && !strings.HasPrefix(n.Path, "/") {
			return s, fmt.Errorf("linux.namespaces: the path %q of the %s namespace is not absolute", n.Path, n.Type)
		}
		s.paths[n.Type] = n.Path
	}
	for t := range s.paths {
		if !slices.ContainsFunc(kinds, func(k kind) bool { return k.name == t }) {
			return s, fmt.Errorf("linux.namespaces: there is no type %q (namespaces(7))", t)
		}
	}
	return s, nil
}

// Types are the names of all types, as the OCI specification has them.
func Types() []specs.LinuxNamespaceType {
	var list []specs.LinuxNamespaceType
	for _, k := range kinds {
		list = append(list, k.name)
	}
	return list
}

// Has tells whether the configuration names this type, be it with the path of our own namespace ([Set.Own]).
func (s Set) Has(t specs.LinuxNamespaceType) bool { _, ok := s.paths[t]; return ok }

// New tells whether it gets a new one.
func (s Set) New(t specs.LinuxNamespaceType) bool { path, ok := s.paths[t]; return ok && path == "" }

// Joins tells whether it enters one that exists already.
func (s Set) Joins(t specs.LinuxNamespaceType) bool { return s.paths[t] != "" }

// Own tells whether the container would be in our own namespace of this type, because it has none or the path of ours.
func (s Set) Own(t specs.LinuxNamespaceType) (bool, error) {
	path, ok := s.paths[t]
	if !ok || path == "" {
		return !ok, nil
	}
	var theirs, ours unix.Stat_t
	file := kinds[slices.IndexFunc(kinds, func(k kind) bool { return k.name == t })].file
	if err := errors.Join(unix.Stat(path, &theirs), unix.Stat("/proc/self/ns/"+file, &ours)); err != nil {
		return false, fmt.Errorf("linux.namespaces: looking at %s: %w", path, err)
	}
	return theirs.Dev == ours.Dev && theirs.Ino == ours.Ino, nil
}

// Flags are the CLONE_NEW* of all of its namespaces.
func (s Set) Flags() int {
	flags := 0
	for _, k := range kinds {
		if s.Has(k.name) {
			flags |= k.flag
		}
	}
	return flags
}

// fresh are the flags of the new ones but those named, and their text.
func (s Set) fresh(but ...int) (flags int, text string) {
	var names []string
	for _, k := range kinds {
		if s.New(k.name) && !slices.Contains(but, k.flag) {
			flags |= k.flag
			names = append(names, k.text)
		}
	}
	return flags, strings.Join(names, "|")
}

const whyClone = "a process whose namespaces are new: what it changes there, only it and its children see"

// Enter appends the operations that bring a child into its namespaces, but for a new cgroup namespace ([Set.Cgroup]). begun appends what comes as soon as
// there is a child in its user namespace, if it gets one: the mapping of ids, and whatever else is done to a process that hasn't done anything yet.
//
// When all namespaces are new it takes one clone(2). Otherwise the child joins and makes them one after the other, and forks again where only later children would
// be inside.
func (s Set) Enter(p *plan.Plan, offsets map[string]specs.LinuxTimeOffset, begun func()) error {
	if len(offsets) > 0 && !s.New(specs.TimeNamespace) {
		return fmt.Errorf("linux.timeOffsets need a new time namespace: add one to linux.namespaces")
	}
	if s.together() {
		flags, text := s.fresh(unix.CLONE_NEWCGROUP)
		p.Clone(flags, text, whyClone, stepPID)
		begun()
		return nil
	}
	p.Clone(0, "", "it joins namespaces one after the other, as some of them exist already", stepPID)
	s.join(p)
	if s.New(specs.UserNamespace) {
		unshare(p, unix.CLONE_NEWUSER, "CLONE_NEWUSER", "what comes after it belongs to it")
	}
	begun()
	if flags, text := s.fresh(unix.CLONE_NEWUSER, unix.CLONE_NEWCGROUP); flags != 0 {
		unshare(p, flags, text, whyClone)
	}
	if err := timeOffsets(p, offsets); err != nil {
		return err
	}
	if s.Has(specs.PIDNamespace) || s.Has(specs.TimeNamespace) {
		p.Refork(s.New(specs.TimeNamespace), "a pid or time namespace takes in only children that come later", stepPID)
	}
	return nil
}

// together tells whether one clone(2) makes all there is. It makes no time namespace: the flag has the place of a signal in it.
func (s Set) together() bool {
	for t, path := range s.paths {
		if path != "" || t == specs.TimeNamespace {
			return false
		}
	}
	return true
}

func unshare(p *plan.Plan, flags int, text, why string) {
	p.Add(plan.Op{Actor: plan.Child, What: "making namespaces", Why: why, Step: stepUTS,
		Calls: []plan.Call{{Name: "unshare", Args: []plan.Arg{plan.Sym(text, flags)}}}})
}

// join appends the child's operations that enter existing namespaces. All are opened first, by the host's names. Whether a user namespace gives or takes the right
// to enter another depends on whose that is (setns(2)): so the others are tried before it and, where that was refused, after it.
func (s Set) join(p *plan.Plan) {
	type open struct {
		kind
		path, fd, done string
	}
	var list []open
	for _, k := range kinds {
		if path := s.paths[k.name]; path != "" {
			list = append(list, open{k, path, p.Name("ns"), p.Name("joined")})
		}
	}
	if len(list) == 0 {
		return
	}
	op := plan.Op{Actor: plan.Child, What: "opening existing namespaces", Step: stepUTS, Why: "by names of the host, before it sees anything else"}
	for _, o := range list {
		op.Calls = append(op.Calls, plan.Call{Name: "openat", Result: o.fd, Args: []plan.Arg{
			plan.AtCWD(), plan.Str(o.path), plan.Sym("O_RDONLY|O_CLOEXEC", unix.O_RDONLY|unix.O_CLOEXEC)}})
	}
	p.Add(op)
	joinsUser := s.Joins(specs.UserNamespace)
	enter := func(o open, again bool) {
		c := plan.Call{Name: "setns", Result: o.done, Args: []plan.Arg{plan.Ref(o.fd), plan.Sym(o.text, o.flag)}}
		op := plan.Op{Actor: plan.Child, What: fmt.Sprintf("joining the %s namespace %s", o.name, o.path), Step: stepUTS, Why: "a namespace that somebody else made"}
		switch {
		case again:
			c.Unless, op.Why = o.done, "if it wasn't allowed before"
		case joinsUser && o.flag != unix.CLONE_NEWUSER:
			c.Allow = []unix.Errno{unix.EPERM}
		}
		op.Calls = []plan.Call{c}
		p.Add(op)
	}
	for _, o := range list {
		if o.flag != unix.CLONE_NEWUSER {
			enter(o, false)
		}
	}
	if !joinsUser {
		return
	}
	enter(list[0], false) // kinds has it first
	for _, o := range list[1:] {
		enter(o, true)
	}
}

// Join appends the child's operations that enter the namespaces of a running process, all at once, and its root directory; pidfd names the descriptor of that process and
// flags is what differs ([Differ]).
func Join(p *plan.Plan, pidfd string, pid, flags int) {
	var names []string
	for _, k := range kinds {
		if flags&k.flag != 0 {
			names = append(names, k.text)
		}
	}
	if flags != 0 {
		p.Add(plan.Op{Actor: plan.Child, What: "joining the container's namespaces", Step: stepUTS, Why: "with them come its root directory and its mounts (setns(2))",
			Calls: []plan.Call{{Name: "setns", Args: []plan.Arg{plan.Ref(pidfd), plan.Sym(strings.Join(names, "|"), flags)}}}})
	}
	if flags&unix.CLONE_NEWNS == 0 {
		p.Add(plan.Op{Actor: plan.Child, What: "changing to the container's root directory", Step: stepMount,
			Why: "it comes with a mount namespace, and the container has none of its own", Calls: plan.EnterRoot(pid, pidfd)})
	}
}

// Differ tells in which namespaces a process is that this one isn't in, as CLONE_NEW* flags.
func Differ(pid int) (int, error) {
	flags := 0
	for _, k := range kinds {
		theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, k.file))
		if err != nil {
			if k.flag == unix.CLONE_NEWTIME && errors.Is(err, fs.ErrNotExist) {
				continue // a kernel without them
			}
			return 0, fmt.Errorf("looking at the namespaces of process %d: %w", pid, err)
		}
		if ours, err := os.Readlink("/proc/self/ns/" + k.file); err != nil || ours != theirs {
			flags |= k.flag
		}
	}
	return flags, nil
}

// timeOffsets appends the child's operation that sets the clocks of its new time namespace, which is possible until somebody is in it (time_namespaces(7)).
func timeOffsets(p *plan.Plan, offsets map[string]specs.LinuxTimeOffset) error {
	var lines strings.Builder
	for _, clock := range slices.Sorted(maps.Keys(offsets)) {
		if clock != "monotonic" && clock != "boottime" {
			return fmt.Errorf("linux.timeOffsets: there is no clock %q: it is monotonic or boottime", clock)
		}
		fmt.Fprintf(&lines, "%s %d %d\n", clock, offsets[clock].Secs, offsets[clock].Nanosecs)
	}
	if len(offsets) > 0 {
		p.Add(plan.Op{Actor: plan.Child, What: "setting the clocks of the time namespace", Calls: p.WriteFile(plan.Str("/proc/self/timens_offsets"), plan.Str(lines.String()))})
	}
	return nil
}

// Cgroup appends the child's operation that makes its own cgroup the top of what it sees. It comes after the child has joined that cgroup.
func (s Set) Cgroup(p *plan.Plan) {
	if !s.New(specs.CgroupNamespace) {
		return
	}
	p.Add(plan.Op{Actor: plan.Child, What: "making a cgroup namespace", Step: stepCgroups,
		Why:   "from here on its own cgroup looks like the top of the tree (cgroup_namespaces(7))",
		Calls: []plan.Call{{Name: "unshare", Args: []plan.Arg{plan.Sym("CLONE_NEWCGROUP", unix.CLONE_NEWCGROUP)}}}})
}

// Hostname appends the child's operations that name the machine it seems to be on. Without a UTS namespace of its own that would
// rename the host, so it is refused.
func (s Set) Hostname(p *plan.Plan, hostname, domainname string) error {
	for _, n := range []struct{ call, value, field, what string }{
		{"sethostname", hostname, "hostname", "the host name"},
		{"setdomainname", domainname, "domainname", "the NIS domain name"},
	} {
		if n.value == "" {
			continue
		}
		own, err := s.Own(specs.UTSNamespace)
		if err != nil {
			return err
		}
		if own {
			if current, _ := os.Hostname(); n.field == "hostname" && n.value == current {
				continue // callers say so of a namespace that turns out to be the host's
			}
			return fmt.Errorf("%s would change the host's: it needs a uts namespace in linux.namespaces, a new one or another's", n.field)
		}
		p.Add(plan.Op{Actor: plan.Child, What: fmt.Sprintf("setting %s to %s", n.what, n.value), Step: stepUTS,
			Why:   "in its own UTS namespace; the host keeps its name",
			Calls: []plan.Call{{Name: n.call, Args: []plan.Arg{plan.Str(n.value), plan.Int(len(n.value))}}}})
	}
	return nil
}

// Loopback appends the child's operation that brings up lo, which is down in a new network namespace.
func (s Set) Loopback(p *plan.Plan) {
	if !s.New(specs.NetworkNamespace) {
		return
	}
	// struct ifreq of netdevice(7): sixteen bytes of name, then the flags.
	request := make([]byte, 40)
	copy(request, "lo")
	copy(request[16:], plan.HalfWords(unix.IFF_UP|unix.IFF_RUNNING))
	fd := p.Name("socket")
	p.Add(plan.Op{Actor: plan.Child, What: "bringing up the loopback interface", Step: stepNetwork,
		Why: "a new network namespace has nothing but lo, and that is down",
		Calls: []plan.Call{
			{Name: "socket", Args: []plan.Arg{plan.Sym("AF_INET", unix.AF_INET), plan.Sym("SOCK_DGRAM|SOCK_CLOEXEC", unix.SOCK_DGRAM|unix.SOCK_CLOEXEC), plan.Int(0)}, Result: fd},
			{Name: "ioctl", Args: []plan.Arg{plan.Ref(fd), plan.Sym("SIOCSIFFLAGS", unix.SIOCSIFFLAGS), plan.Bytes(`{"lo", IFF_UP|IFF_RUNNING}`, request)}},
		}})
}
