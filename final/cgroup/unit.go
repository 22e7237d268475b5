package cgroup

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"stave/final/plan"
)

// A Unit is what systemd has of a container: a scope, which is a cgroup with processes that it has not started (systemd.scope(5)), or a
// slice, which is one for other units (systemd.slice(5)).
type Unit struct {
	// Name is such as docker-1.scope.
	Name string `json:"name"`
	// User says that a user's own systemd has it, not the machine's.
	User bool `json:"user,omitempty"`
}

// A Manager is a user's own systemd: the cgroup that it divides, as a path from the top, and the controllers it has there.
type Manager struct {
	Cgroup      string
	Controllers []string
}

// A request is what systemd is asked for.
type request struct {
	Unit
	below      []string // the names from the manager's cgroup down to the unit's
	properties []property
}

func (u Unit) slice() bool { return strings.HasSuffix(u.Name, ".slice") }

// unitLetters are those that a unit's name may have (systemd.unit(5), "Description").
const unitLetters = `ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:-_.\@`

// read reads Path, which is slice:prefix:name as runc has it (its docs/systemd.md). The unit is prefix-name.scope in that slice, or
// the name alone where it ends in .slice. Without a slice it is systemd's own for services, or for users.
func (w *Where) read() (*request, error) {
	path := w.Path
	if path == "" {
		path = ":stave:" + w.Name
	}
	parts := strings.Split(path, ":")
	if len(parts) != 3 || parts[2] == "" {
		return nil, fmt.Errorf("linux.cgroupsPath: %q is not slice:prefix:name, which it has to be for systemd", path)
	}
	slice, prefix, name := parts[0], parts[1], parts[2]
	r := &request{Unit: Unit{Name: name, User: !w.Privileged}}
	if !r.slice() {
		r.Name = prefix + "-" + name + ".scope"
	}
	if strings.Trim(r.Name, unitLetters) != "" || len(r.Name) > 255 {
		return nil, fmt.Errorf("linux.cgroupsPath: %q is no name of a unit (systemd.unit(5))", r.Name)
	}
	r.set("Description", "container "+name)
	var err error
	if r.slice() {
		err = r.inSlices(slice)
	} else {
		err = r.inSlice(slice)
	}
	return r, err
}

// inSlice says in which slice a scope is.
func (r *request) inSlice(slice string) (err error) {
	switch {
	case slice == "-":
		slice = "-.slice"
	case slice == "" && r.User:
		slice = "user.slice"
	case slice == "":
		slice = "system.slice"
	}
	r.below, err = expand(slice)
	r.below = append(r.below, escape(r.Name))
	r.set("Slice", slice)
	r.set("Delegate", true) // what is below is the container's business and ours
	return err
}

// inSlices is where a slice is, which its name says.
func (r *request) inSlices(slice string) (err error) {
	if r.below, err = expand(r.Name); err != nil {
		return err
	}
	if len(r.below) == 0 {
		return fmt.Errorf("linux.cgroupsPath: %s is the whole machine", r.Name)
	}
	if slice == "" {
		return nil
	}
	above, err := expand(slice)
	if in := r.below[:len(r.below)-1]; err == nil && !slices.Equal(above, in) {
		err = fmt.Errorf("linux.cgroupsPath: %s is in /%s, as its name says (systemd.slice(5)), and not in %s", r.Name, filepath.Join(in...), slice)
	}
	if len(above) > 0 {
		r.set("Wants", []string{slice})
	}
	return err
}

// expand is the directories of a slice: a-b.slice is in a.slice (systemd.slice(5)), and -.slice is the top.
func expand(slice string) ([]string, error) {
	if slice == "-" || slice == "-.slice" {
		return nil, nil
	}
	stem, ok := strings.CutSuffix(slice, ".slice")
	words := strings.Split(stem, "-")
	if !ok || slices.Contains(words, "") || strings.Trim(stem, unitLetters) != "" {
		return nil, fmt.Errorf("linux.cgroupsPath: %q is no name of a slice, such as a-b.slice for one in a.slice (systemd.slice(5))", slice)
	}
	var dirs []string
	for i := range words {
		dirs = append(dirs, escape(strings.Join(words[:i+1], "-")+".slice"))
	}
	return dirs, nil
}

// escape is the directory of a unit: systemd puts a _ before a name that could be one of the kernel's files.
func escape(unit string) string {
	stem := unit[:strings.LastIndexByte(unit, '.')]
	files := []string{"cpu", "cpuacct", "cpuset", "io", "blkio", "memory", "devices", "pids"}
	if unit[0] == '_' || unit[0] == '.' || slices.Contains(files, stem) || strings.HasPrefix(unit, "cgroup.") {
		return "_" + unit
	}
	return unit
}

// ask fills in what systemd is to be asked for.
func (w *Where) ask(l Layout) (err error) {
	if !w.Privileged && !l.Unified() {
		return fmt.Errorf("systemd gives an ordinary user nothing of cgroup version 1: run as root, or leave --systemd-cgroup out: %w", ErrNotDelegated)
	}
	w.request, err = w.read()
	return err
}

// complete adds what systemd has to know of every container, of this one's limits, and what annotations ask for, which wins.
func (r *request) complete(l Layout, c *Cgroup, annotations map[string]string) error {
	io := "IOAccounting"
	if !l.Unified() {
		io = "BlockIOAccounting"
	}
	for _, name := range []string{"MemoryAccounting", "CPUAccounting", io, "TasksAccounting"} {
		r.set(name, true)
	}
	r.set("DefaultDependencies", false) // at a shutdown it is for whoever keeps the container to end it
	r.add(propertiesFor(l, c.settings, func(string, string) string { return "" })...)
	if c.devices != nil && !l.Unified() {
		list, err := c.devices.properties()
		if err != nil {
			return err
		}
		r.add(list...)
	}
	return r.annotations(annotations)
}

// begin appends the parent's operation that has systemd make the unit. A scope has to have a process from the beginning, so the child is
// there and waits. A slice can't be given any.
func (r *request) begin(p *plan.Plan) {
	who, pids := "systemd", ""
	if r.User {
		who = "the user's systemd"
	}
	if !r.slice() {
		pids = "PIDs=[child], "
	}
	p.Add(plan.Op{Actor: plan.Parent, What: fmt.Sprintf("asking %s for %s", who, r.Name), Step: step,
		Why: "where it divides the tree of cgroups it wants to know each, and it sets again what it knows of",
		Calls: []plan.Call{{Name: "StartTransientUnit", Ask: func(child int) error { return r.start(child) },
			Args: []plan.Arg{plan.Str(r.Name), plan.Str("replace"), plan.Sym("{"+pids+textOf(r.properties)+"}", 0)}}}})
}
