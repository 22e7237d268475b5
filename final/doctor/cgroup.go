package doctor

import (
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// controllers are those that --memory, --cpus and --pids-limit need.
var controllers = []string{"memory", "cpu", "pids"}

// hierarchy is a mounted tree of cgroups; cgroups(7).
type hierarchy struct {
	version int
	root    string   // the cgroup that is seen at point
	point   string   // where it is mounted
	options []string // v1: its controllers, among others
}

// parseHierarchies finds the mounted hierarchies in the text of /proc/self/mountinfo; proc_pid_mountinfo(5).
func parseHierarchies(mountinfo string) []hierarchy {
	var found []hierarchy
	for line := range strings.Lines(mountinfo) {
		before, after, _ := strings.Cut(line, " - ")
		place, fs := strings.Fields(before), strings.Fields(after)
		if len(place) < 5 || len(fs) < 3 {
			continue
		}
		h := hierarchy{root: place[3], point: place[4]}
		switch fs[0] {
		case "cgroup":
			h.version, h.options = 1, strings.Split(fs[2], ",")
		case "cgroup2":
			h.version = 2
		default:
			continue
		}
		found = append(found, h)
	}
	return found
}

// parseMembership reads the text of /proc/self/cgroup: which cgroup this process
// is in, for each v1 controller, and under the name "" for v2.
func parseMembership(text string) map[string]string {
	paths := map[string]string{}
	for line := range strings.Lines(text) {
		field := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(field) != 3 {
			continue
		}
		for _, name := range strings.Split(field[1], ",") {
			paths[name] = field[2]
		}
	}
	return paths
}

// own is the directory of the cgroup at path, or "" if the hierarchy doesn't show it.
func (h hierarchy) own(path string) string {
	rel, err := filepath.Rel(h.root, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
		return ""
	}
	return filepath.Join(h.point, rel)
}

// gatherCgroups looks for each controller in the hierarchies. A privileged process makes its cgroups at the top of the v2
// tree, any other below its own.
func gatherCgroups(mountinfo string, privileged bool) Cgroups {
	hierarchies := parseHierarchies(mountinfo)
	member := parseMembership(read("/proc/self/cgroup"))
	disabled := parseDisabled(read("/proc/cgroups"))
	c := Cgroups{Layout: layout(hierarchies)}
	for _, name := range controllers {
		con := Controller{Name: name, Disabled: disabled[name]}
		for _, h := range hierarchies {
			if h.version == 1 && slices.Contains(h.options, name) {
				con.Version, con.Dir = 1, h.own(member[name])
				break
			}
			if h.version == 2 && slices.Contains(strings.Fields(read(h.point+"/cgroup.controllers")), name) {
				con.Version, con.Dir = 2, h.point
				if !privileged {
					con.Dir = h.own(member[""])
				}
				con.Withheld = !slices.Contains(strings.Fields(read(con.Dir+"/cgroup.controllers")), name)
				break
			}
		}
		if con.Dir != "" {
			con.Write = errno(unix.Access(con.Dir, unix.W_OK))
		}
		c.Controllers = append(c.Controllers, con)
	}
	return c
}

func layout(hierarchies []hierarchy) string {
	var v1, v2 bool
	for _, h := range hierarchies {
		v1 = v1 || h.version == 1
		v2 = v2 || h.version == 2
	}
	switch {
	case v1 && v2:
		return "hybrid"
	case v1:
		return "v1"
	case v2:
		return "v2"
	default:
		return "none"
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
