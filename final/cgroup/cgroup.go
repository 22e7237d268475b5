// Package cgroup limits what a container may use: memory, processor time, the number of processes. It works with
// version 1 and 2 and with both side by side, and with what was delegated to an ordinary user. See step 04-cgroups, cgroups(7) and
// Documentation/admin-guide/cgroup-v2.rst of the kernel.
package cgroup

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/plan"
)

const step = "04-cgroups"

// ErrNotDelegated is returned when an ordinary user asks for a limit and no cgroup is theirs to divide.
var ErrNotDelegated = errors.New("no cgroup is delegated to you: run as root, or begin with " +
	`"systemd-run --user --scope -p Delegate=yes" on a machine with systemd and cgroup v2`)

// A Cgroup is a container's: one directory in each hierarchy it takes part in.
type Cgroup struct {
	dirs     []dir
	settings []setting
}

type dir struct {
	path   string
	parent string
	v2     bool
	enable []string // controllers that the parent has to hand down (version 2)
}

// A setting is one file of the cgroup. One that is nice to have may be missing, such as the limit of swap on a kernel that doesn't count it.
type setting struct {
	file, value, why string
	optional         bool
}

// New chooses the directories for a container called name, and what goes into them. Nothing is made yet. On version 2 there is always a
// cgroup if there can be; on version 1 only for limits.
func New(l Layout, name string, r *specs.LinuxResources, privileged bool) (*Cgroup, error) {
	if r == nil {
		r = &specs.LinuxResources{}
	}
	if err := unsupported(r); err != nil {
		return nil, err
	}
	c := &Cgroup{}
	for _, controller := range wanted(r) {
		h, ok := l.With(controller)
		if !ok {
			return nil, fmt.Errorf("limiting %s: this machine has no %s controller (see /proc/cgroups)", controller, controller)
		}
		parent, handed, err := h.parent(privileged)
		if err != nil {
			return nil, fmt.Errorf("limiting %s: %w", controller, err)
		}
		enable := ""
		if h.V2 {
			if !slices.Contains(handed, controller) {
				return nil, fmt.Errorf("limiting %s: the %s controller isn't handed down to %s: %w", controller, controller, parent, ErrNotDelegated)
			}
			enable = controller
		}
		path := c.dir(parent, name, h.V2, enable)
		c.settings = append(c.settings, settings(controller, path, h.V2, r)...)
	}
	if len(c.dirs) == 0 && l.Unified() {
		if parent, _, err := l.Hierarchies[0].parent(privileged); err == nil {
			c.dir(parent, name, true, "")
		}
	}
	return c, nil
}

// dir adds a directory, or a controller to the one that is there already.
func (c *Cgroup) dir(parent, name string, v2 bool, enable string) string {
	path := filepath.Join(parent, name)
	i := slices.IndexFunc(c.dirs, func(d dir) bool { return d.path == path })
	if i < 0 {
		i = len(c.dirs)
		c.dirs = append(c.dirs, dir{path: path, parent: parent, v2: v2})
	}
	if enable != "" {
		c.dirs[i].enable = append(c.dirs[i].enable, "+"+enable)
	}
	return path
}

// Dirs are the directories, to be recorded before they are made.
func (c *Cgroup) Dirs() []string {
	paths := make([]string, len(c.dirs))
	for i, d := range c.dirs {
		paths[i] = d.path
	}
	return paths
}

// Create appends the parent's operations that make the cgroup and set its limits. They come before clone.
func (c *Cgroup) Create(p *plan.Plan) {
	for _, d := range c.dirs {
		op := plan.Op{Actor: plan.Parent, What: "making the cgroup " + d.path, Step: step,
			Why: "a group of processes that the kernel counts and limits together"}
		if len(d.enable) > 0 {
			op.Calls = p.WriteFile(plan.Str(filepath.Join(d.parent, "cgroup.subtree_control")), plan.Str(strings.Join(d.enable, " ")))
		}
		op.Calls = append(op.Calls, plan.Call{Name: "mkdirat", Args: []plan.Arg{plan.AtCWD(), plan.Str(d.path), plan.Mode(0o755)}})
		p.Add(op)
	}
	for _, s := range c.settings {
		op := plan.Op{Actor: plan.Parent, What: "setting " + filepath.Base(s.file) + " to " + s.value, Step: step, Why: s.why,
			Calls: p.WriteFile(plan.Str(s.file), plan.Str(s.value))}
		if s.optional {
			op.Calls[0].Allow = []unix.Errno{unix.ENOENT}
		}
		p.Add(op)
	}
}

// Join appends the parent's operations that put the child in. They come after clone and before anything the child does
// that should be counted.
func (c *Cgroup) Join(p *plan.Plan) {
	for _, d := range c.dirs {
		p.Add(plan.Op{Actor: plan.Parent, What: "moving the child into " + d.path, Step: step,
			Why:   "before it does anything, so that nothing escapes the limit",
			Calls: p.WriteFile(plan.Str(filepath.Join(d.path, "cgroup.procs")), plan.Concat(plan.Ref("child")))})
	}
}
