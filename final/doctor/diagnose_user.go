package doctor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func privilege(f *Facts) Finding {
	switch {
	case f.direct() && f.InUserNS:
		return Finding{Name: "privilege", Found: "root of a user namespace, an ordinary user outside"}
	case f.direct():
		return Finding{Name: "privilege", Found: "root"}
	case f.UID != 0:
		return Finding{Name: "privilege", Found: "ordinary user " + f.User + ": run stave as it is, the steps up to 07 inside unshare -Ur"}
	case f.Trials.Clone == 0 && f.Trials.Hostname == 0:
		return Finding{
			"privilege", Limited, "root, but without CAP_SYS_ADMIN",
			"Namespaces and mounts take that capability. Root of a new user namespace has it.",
			append([]Fix{{Text: "run stave as it is, the steps up to 07 inside unshare -Ur"}}, outside(f)...), Steps,
		}
	default:
		return Finding{
			"privilege", Missing, "root, but without CAP_SYS_ADMIN",
			"Namespaces and mounts take that capability; root in a container usually lacks it.", outside(f), Steps,
		}
	}
}

func userNamespaces(f *Facts) Finding {
	// Under AppArmor's restriction a user namespace can be made, but gives no capability.
	powerless := !f.direct() && f.Trials.Clone == 0 && f.Trials.Hostname != 0
	if f.UserNS == 0 && !powerless {
		return Finding{Name: "user namespaces", Found: "can be made"}
	}
	found := refused("clone", f.UserNS)
	if powerless {
		found = "can be made, but give no capability: " + refused("sethostname", f.Trials.Hostname)
	}
	why, fixes := userNSCause(f)
	if f.direct() {
		return Finding{"user namespaces", Limited, found, why + " As root you can do without.", fixes, nil}
	}
	if f.UID != 0 && f.Container == "" {
		fixes = append(fixes, Fix{Text: "or run the steps as root"})
	}
	return Finding{"user namespaces", Missing, found, why, fixes, Steps}
}

// userNSSysctls are the settings that keep user namespaces from ordinary users, with the value that does and one that doesn't.
var userNSSysctls = []struct{ key, bad, good, why string }{
	{"user.max_user_namespaces", "0", "15000", "forbids them to everybody; see namespaces(7)."},
	{"kernel.unprivileged_userns_clone", "0", "1", "keeps them from ordinary users. Debian's and Arch's kernels have this."},
	{"kernel.apparmor_restrict_unprivileged_userns", "1", "0", "keeps them from programs without an AppArmor profile. Ubuntu has this since 23.10."},
}

// appArmorProfile lets an installed stave make user namespaces. What go run starts is elsewhere each time.
var appArmorProfile = Fix{
	"or, for nothing but a stave installed as /usr/local/bin/stave:",
	`printf 'abi <abi/4.0>,\nprofile stave /usr/local/bin/stave flags=(unconfined) { userns, }\n' | sudo tee /etc/apparmor.d/stave && sudo apparmor_parser -r /etc/apparmor.d/stave`,
}

// userNSCause names what refuses user namespaces, the surest sign first.
func userNSCause(f *Facts) (why string, fixes []Fix) {
	if f.UserNS == unix.EINVAL {
		return "This kernel was built without them.", []Fix{otherKernel}
	}
	for i, s := range userNSSysctls {
		if f.Sysctl[s.key] != s.bad || i > 0 && f.UID == 0 {
			continue
		}
		fixes = []Fix{
			{"until the next start:", "sudo sysctl -w " + s.key + "=" + s.good},
			{"for good:", "echo " + s.key + "=" + s.good + " | sudo tee /etc/sysctl.d/60-userns.conf"},
		}
		if strings.Contains(s.key, "apparmor") {
			fixes = append(fixes, appArmorProfile)
		}
		return "The sysctl " + s.key + " is " + s.bad + ". That " + s.why, fixes
	}
	switch {
	case f.Chrooted:
		return "In a chroot nobody can make one; see user_namespaces(7).", []Fix{{Text: "leave the chroot"}}
	case f.UserNS == unix.ENOSPC:
		return "The limit is reached: of user.max_user_namespaces, or of nesting, which is 32.", []Fix{{Text: "end programs that hold some"}}
	default:
		return refuser(f), outside(f)
	}
}

func subordinateIDs(f *Facts) Finding {
	if f.UID == 0 {
		return Finding{} // root may map any id
	}
	var wrong []string
	var fixes []Fix
	for _, name := range []string{"newuidmap", "newgidmap"} {
		switch tool, found := f.MapTools[name]; {
		case !found:
			wrong = append(wrong, name+" is not in PATH")
			fixes = []Fix{{Text: "install the package uidmap (Debian, Ubuntu), shadow-utils (Fedora) or shadow (Arch)"}}
		case !tool.Privileged:
			wrong = append(wrong, tool.Path+" is not set-user-ID")
			fixes = append(fixes, Fix{Command: "sudo chmod u+s " + tool.Path})
		}
	}
	for _, file := range []struct {
		name, option string
		ranges       []IDRange
	}{{"/etc/subuid", "subuids", f.SubUID}, {"/etc/subgid", "subgids", f.SubGID}} {
		trouble, rival := rangeTrouble(file.ranges, f)
		switch {
		case rival != "":
			fixes = append(fixes, Fix{Text: "give " + f.User + " or " + rival + " other numbers in " + file.name})
		case trouble != "":
			first := freeID(f)
			fixes = append(fixes, Fix{Command: fmt.Sprintf("sudo usermod --add-%s %d-%d %s", file.option, first, first+65535, f.User)})
		default:
			continue
		}
		wrong = append(wrong, file.name+" "+trouble)
	}
	if len(wrong) == 0 {
		return Finding{Name: "subordinate ids", Found: "in /etc/subuid and /etc/subgid, with newuidmap"}
	}
	why := "Without them a container of yours has one user, root: what changes to another user (apt, many servers) fails in it."
	return Finding{"subordinate ids", Limited, strings.Join(wrong, "; "), why, fixes, imageSteps}
}

// rangeTrouble says what is wrong with this user's ids, and which other user has them too.
func rangeTrouble(ranges []IDRange, f *Facts) (trouble, rival string) {
	mine := func(r IDRange) bool { return r.Owner == f.User || r.Owner == strconv.Itoa(f.UID) }
	var count uint64
	for _, r := range ranges {
		if !mine(r) {
			continue
		}
		count += r.Count
		for _, other := range ranges {
			if !mine(other) && r.Start < other.Start+other.Count && other.Start < r.Start+r.Count {
				return "gives the same ids to " + other.Owner, other.Owner
			}
		}
	}
	switch {
	case count == 0:
		return "has no line for " + f.User, ""
	case count < 65536:
		return fmt.Sprintf("has only %d of 65536 ids for %s", count, f.User), ""
	default:
		return "", ""
	}
}

// freeID is above all ranges, and not below where distributions begin.
func freeID(f *Facts) uint64 {
	first := uint64(100000)
	for _, r := range slices.Concat(f.SubUID, f.SubGID) {
		first = max(first, r.Start+r.Count)
	}
	return first
}
