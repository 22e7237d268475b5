package cgroup

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"stave/final/plan"
)

// A Hierarchy is one mounted tree of cgroups. Version 2 has one for all controllers; version 1 has one for each, or for a few.
type Hierarchy struct {
	Mount       string   // where it is mounted
	Own         string   // the cgroup of this process in it, as a path below Mount
	Controllers []string // what it controls: memory, cpu, pids, … or name=systemd for one that controls nothing
	V2          bool
	// Delegated is the directory in which an ordinary user may make cgroups (version 2), and Handed the controllers they can have
	// there. It is empty if nothing was delegated to this process.
	Delegated string
	Handed    []string
}

// A Layout is every hierarchy of this machine: version 1, version 2, or both beside each other ("hybrid").
type Layout struct {
	Hierarchies []Hierarchy
}

// Detect reads the layout from /proc/self/mountinfo and /proc/self/cgroup, and asks statfs(2) what each mount really is. See cgroups(7).
func Detect() (Layout, error) {
	mountinfo, err := plan.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return Layout{}, fmt.Errorf("reading the mounts: %w", err)
	}
	own, err := plan.ReadFile("/proc/self/cgroup")
	if err != nil {
		return Layout{}, fmt.Errorf("reading the cgroups of this process: %w", err)
	}
	l := parseLayout(string(mountinfo), string(own))
	l.Hierarchies = slices.DeleteFunc(l.Hierarchies, func(h Hierarchy) bool { return !mounted(h) })
	for i, h := range l.Hierarchies {
		if h.V2 {
			l.Hierarchies[i].Controllers = readWords(filepath.Join(h.Mount, "cgroup.controllers"))
			if dir := filepath.Join(h.Mount, filepath.Dir(h.Own)); h.Own != "/" && delegated(dir) {
				l.Hierarchies[i].Delegated, l.Hierarchies[i].Handed = dir, readWords(filepath.Join(dir, "cgroup.controllers"))
			}
		}
	}
	return l, nil
}

// mounted tells whether statfs(2) agrees that this is a hierarchy: another mount may cover it.
func mounted(h Hierarchy) bool {
	var s unix.Statfs_t
	if err := unix.Statfs(h.Mount, &s); err != nil {
		return false
	}
	if h.V2 {
		return s.Type == unix.CGROUP2_SUPER_MAGIC
	}
	return s.Type == unix.CGROUP_SUPER_MAGIC
}

// parseLayout matches the lines of the two files. A line of mountinfo is
//
//	36 35 0:30 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
//
// and one of /proc/self/cgroup is 4:memory:/user.slice, or 0::/user.slice for version 2.
func parseLayout(mountinfo, own string) Layout {
	paths := map[string]string{}
	for line := range strings.Lines(own) {
		if f := strings.SplitN(strings.TrimSpace(line), ":", 3); len(f) == 3 {
			for c := range strings.SplitSeq(f[1], ",") {
				paths[c] = f[2]
			}
		}
	}
	var l Layout
	for line := range strings.Lines(mountinfo) {
		before, after, ok := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 3 || !strings.HasPrefix(right[0], "cgroup") {
			continue
		}
		h := Hierarchy{Mount: unescape(left[4]), V2: right[0] == "cgroup2"}
		l.Hierarchies = slices.DeleteFunc(l.Hierarchies, func(covered Hierarchy) bool { return covered.Mount == h.Mount })
		root := left[3]
		if h.V2 {
			h.Own = below(root, paths[""])
			l.Hierarchies = append(l.Hierarchies, h)
			continue
		}
		for option := range strings.SplitSeq(right[2], ",") {
			if path, ok := paths[option]; ok && option != "" {
				h.Controllers = append(h.Controllers, option)
				h.Own = below(root, path)
			}
		}
		if len(h.Controllers) > 0 {
			l.Hierarchies = append(l.Hierarchies, h)
		}
	}
	return l
}

// below is a cgroup's path relative to the cgroup that is mounted. They differ inside a container without a cgroup namespace.
func below(root, path string) string {
	if rel, err := filepath.Rel(root, path); err == nil && filepath.IsLocal(rel) {
		return "/" + strings.TrimPrefix(rel, ".")
	}
	return "/"
}

// unescape undoes the octal escapes of mountinfo (proc(5)).
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// With returns the hierarchy that has a controller.
func (l Layout) With(controller string) (Hierarchy, bool) {
	for _, h := range l.Hierarchies {
		if slices.Contains(h.Controllers, controller) || h.V2 && controller == v2 {
			return h, true
		}
	}
	return Hierarchy{}, false
}

// name tells a hierarchy from the others: a controller that it alone has.
func (h Hierarchy) name() string {
	if h.V2 {
		return v2
	}
	return h.Controllers[0]
}

// v2 stands for the hierarchy of version 2 in place of a controller; so begin the files of it that no controller has.
const v2 = "cgroup"

// find is With for a controller by the name of either version, and for what version 2 does without one.
func (l Layout) find(controller string) (Hierarchy, bool) {
	h, ok := l.With(controller)
	switch {
	case ok:
		return h, true
	case controller == "blkio":
		return l.With("io")
	case controller == "devices":
		return l.With(v2)
	}
	return Hierarchy{}, false
}

// Unified tells whether version 2 is all there is.
func (l Layout) Unified() bool {
	return len(l.Hierarchies) == 1 && l.Hierarchies[0].V2
}

// delegated tells whether this process may divide a cgroup: make others in it, hand controllers down to them, and move processes between
// them (cgroups(7), "Delegation"). It is asked of the cgroup around our own, so that a child can be moved from ours to one beside it.
func delegated(dir string) bool {
	for _, name := range []string{"", "cgroup.procs", "cgroup.subtree_control"} {
		if unix.Access(filepath.Join(dir, name), unix.W_OK) != nil {
			return false
		}
	}
	return true
}

func readWords(file string) []string {
	b, err := plan.ReadFile(file)
	if err != nil {
		return nil
	}
	return strings.Fields(string(b))
}
