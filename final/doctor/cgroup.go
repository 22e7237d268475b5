package doctor

import (
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"stave/final/cgroup"
)

// controllers are those that --memory, --cpus and --pids-limit need.
var controllers = []string{"memory", "cpu", "pids"}

func gatherCgroups(privileged bool) (Cgroups, error) {
	all, err := cgroup.Detect()
	if err != nil {
		return Cgroups{}, err
	}
	c := Cgroups{Layout: layout(all)}
	disabled := parseDisabled(read("/proc/cgroups"))
	for _, name := range controllers {
		con := Controller{Name: name, Disabled: disabled[name]}
		if h, found := all.With(name); found {
			con.Version, con.Dir, con.Write = place(h, privileged)
			con.Withheld = h.V2 && !hasWord(con.Dir+"/cgroup.controllers", name)
			// Only the very top, which alone has no cgroup.type, may hold processes and hand controllers on.
			con.Busy = h.V2 && !hasWord(con.Dir+"/cgroup.subtree_control", name) &&
				exists(con.Dir+"/cgroup.type") && read(con.Dir+"/cgroup.procs") != ""
		}
		c.Controllers = append(c.Controllers, con)
	}
	return c, nil
}

// place is where a container's cgroup would be made, as package cgroup does it: at the top for root, and beside the own
// cgroup for anybody else, who must own what is around both; see cgroups(7), "Delegation containment".
func place(h cgroup.Hierarchy, privileged bool) (version int, dir string, refused unix.Errno) {
	version, dir = 1, h.Mount
	names := []string{""}
	if h.V2 {
		version = 2
		if !privileged {
			dir = filepath.Join(h.Mount, filepath.Dir(h.Own))
			names = append(names, "cgroup.procs", "cgroup.subtree_control")
		}
	}
	for _, name := range names {
		if refused = errno(unix.Access(filepath.Join(dir, name), unix.W_OK)); refused != 0 {
			break
		}
	}
	return version, dir, refused
}

func hasWord(file, word string) bool {
	return slices.Contains(strings.Fields(read(file)), word)
}

func layout(l cgroup.Layout) string {
	v2 := slices.ContainsFunc(l.Hierarchies, func(h cgroup.Hierarchy) bool { return h.V2 })
	switch {
	case len(l.Hierarchies) == 0:
		return "none"
	case l.Unified():
		return "v2"
	case v2:
		return "hybrid"
	default:
		return "v1"
	}
}

// parseDisabled finds the controllers that the kernel has but was told not to use, in the text of /proc/cgroups.
func parseDisabled(text string) map[string]bool {
	disabled := map[string]bool{}
	for line := range strings.Lines(text) {
		if field := strings.Fields(line); len(field) == 4 && field[3] == "0" {
			disabled[field[0]] = true
		}
	}
	return disabled
}
