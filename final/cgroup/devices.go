package cgroup

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/plan"
)

// devices is which device nodes a container may open or make: a default, and rules of which a later one wins over an earlier.
type devices struct {
	allow bool
	rules []rule
}

// A rule is about block or character devices of one number, of all with that major number, or of all.
type rule struct {
	allow        bool
	kind         byte  // 'b' or 'c'
	major, minor int64 // -1 is any
	access       uint32
}

// usual are devices that every container may have: those of the specification's default list (config-linux.md, "Default
// Devices"), terminals, and /dev/net/tun, which runc and crun allow for the sake of old callers. A node may be made of any
// device, as by those two: it can't be opened.
var usual = []rule{
	{true, 'c', -1, -1, unix.BPF_DEVCG_ACC_MKNOD},
	{true, 'b', -1, -1, unix.BPF_DEVCG_ACC_MKNOD},
	{true, 'c', 1, 3, rwm}, {true, 'c', 1, 5, rwm}, {true, 'c', 1, 7, rwm}, {true, 'c', 1, 8, rwm}, {true, 'c', 1, 9, rwm}, // null, zero, full, random, urandom
	{true, 'c', 5, 0, rwm}, {true, 'c', 5, 1, rwm}, {true, 'c', 5, 2, rwm}, {true, 'c', 136, -1, rwm}, // tty, console, ptmx, /dev/pts
	{true, 'c', 10, 200, rwm}, // tun
}

const rwm = unix.BPF_DEVCG_ACC_READ | unix.BPF_DEVCG_ACC_WRITE | unix.BPF_DEVCG_ACC_MKNOD

// restrict decides about devices. As with runc everything is forbidden until a rule allows it, if there is any. In a user namespace, and
// without privilege, no rule can be had, and none is needed: no device can be made there. runc and crun leave them out as well.
func (c *Cgroup) restrict(l Layout, where Where, list []specs.LinuxDeviceCgroup) error {
	if !where.Privileged || len(list) == 0 && !where.All {
		return nil
	}
	d, err := readRules(list)
	if err != nil || d == nil {
		return err
	}
	h, ok := l.find("devices")
	if !ok {
		return fmt.Errorf("limiting devices: this machine has neither version 1's devices controller nor cgroup version 2")
	}
	at, err := c.add(h, where)
	if err != nil {
		return fmt.Errorf("limiting devices: %w", err)
	}
	if !h.V2 {
		err = d.holes()
	}
	c.devices, c.deviceIn = d, *at
	return err
}

// readRules understands linux.resources.devices. A rule for all devices makes those before it void. If nothing is
// forbidden in the end there is nothing to do.
func readRules(list []specs.LinuxDeviceCgroup) (*devices, error) {
	d := &devices{}
	for i, r := range list {
		access, err := readAccess(r.Access)
		one := rule{allow: r.Allow, major: -1, minor: -1, access: access}
		if r.Major != nil {
			one.major = *r.Major
		}
		if r.Minor != nil {
			one.minor = *r.Minor
		}
		switch all := r.Type == "" || r.Type == "a"; {
		case err != nil:
		case one.major > 1<<32-1 || one.minor > 1<<32-1 || one.major < -1 || one.minor < -1:
			err = fmt.Errorf("there is no device %d:%d", one.major, one.minor)
		case all && one.major == -1 && one.minor == -1 && access == rwm:
			*d = devices{allow: r.Allow}
		case all:
			b, c := one, one
			b.kind, c.kind = 'b', 'c'
			d.rules = append(d.rules, b, c)
		case r.Type == "b" || r.Type == "c":
			one.kind = r.Type[0]
			d.rules = append(d.rules, one)
		default:
			err = fmt.Errorf("type %q is none of a, b and c", r.Type)
		}
		if err != nil {
			return nil, fmt.Errorf("linux.resources.devices[%d]: %w", i, err)
		}
	}
	if d.allow && !slices.ContainsFunc(d.rules, func(r rule) bool { return !r.allow }) {
		return nil, nil
	}
	d.rules = append(d.rules, usual...)
	return d, nil
}

// readAccess is the letters r, w and m as the kernel's bits. Without any it is all three.
func readAccess(text string) (access uint32, err error) {
	for _, c := range text {
		switch c {
		case 'r':
			access |= unix.BPF_DEVCG_ACC_READ
		case 'w':
			access |= unix.BPF_DEVCG_ACC_WRITE
		case 'm':
			access |= unix.BPF_DEVCG_ACC_MKNOD
		default:
			return 0, fmt.Errorf("access %q has more than r, w and m in it", text)
		}
	}
	if access == 0 {
		access = rwm
	}
	return access, nil
}

// holes refuses what version 1 would pass over in silence: it keeps a list of exceptions from the default, and takes from it only by
// the very numbers it was given, never one device of many.
func (d *devices) holes() error {
	for i, r := range d.rules {
		for _, old := range d.rules[:i] {
			same := old.kind == r.kind && old.access&r.access != 0
			meet := (old.major == r.major || old.major < 0 || r.major < 0) && (old.minor == r.minor || old.minor < 0 || r.minor < 0)
			if r.allow == d.allow && old.allow != d.allow && same && meet && (old.major != r.major || old.minor != r.minor) {
				return fmt.Errorf("linux.resources.devices: cgroup version 1 can't make an exception (%s) of an exception (%s)", r, old)
			}
		}
	}
	return nil
}

// String is the rule as devices.allow and devices.deny take it, such as "c 136:* rwm".
func (r rule) String() string {
	number := func(n int64) string {
		if n < 0 {
			return "*"
		}
		return fmt.Sprint(n)
	}
	access := ""
	for i, letter := range []string{"m", "r", "w"} {
		if r.access&(1<<i) != 0 {
			access += letter
		}
	}
	if r.access == rwm {
		access = "rwm"
	}
	return fmt.Sprintf("%c %s:%s %s", r.kind, number(r.major), number(r.minor), access)
}

const whyDevices = "by a device a container could read the host's disks and memory, whatever namespaces it has"

// write appends the operations that put the rules in force.
func (d *devices) write(p *plan.Plan, in dir) {
	if in.v2 {
		d.attach(p, in.path())
		return
	}
	// The first line sets the default for all; each of the others goes into the list of exceptions or out of it.
	lines, allow := []string{"a"}, d.allow
	flush := func() {
		file, what := "devices.deny", "forbidding devices: "
		if allow {
			file, what = "devices.allow", "allowing devices: "
		}
		calls := p.WriteFile(plan.Str(filepath.Join(in.path(), file)), plan.Str(lines[0]))
		for _, l := range lines[1:] {
			more := plan.Call{Name: "write", Args: []plan.Arg{plan.Ref(calls[0].Result), plan.Str(l), plan.Int(len(l))}}
			calls = slices.Insert(calls, len(calls)-1, more)
		}
		p.Add(plan.Op{Actor: plan.Parent, What: what + strings.Join(lines, ", "), Step: step, Why: whyDevices, Calls: calls})
	}
	for _, r := range d.rules {
		if r.allow != allow {
			flush()
			lines, allow = nil, r.allow
		}
		lines = append(lines, r.String())
	}
	flush()
}
