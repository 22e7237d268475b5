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

// A Cgroup is one that is to be made for a container: one directory in each hierarchy it takes part in.
type Cgroup struct {
	dirs     []dir
	settings []setting
	devices  *devices // nil if every device may be used
	deviceIn dir
	doors    []string // results of the plan: descriptors by which the child joins, one for each directory of version 1
	born     bool     // the child is made inside version 2's, see Into
	request  *request // what systemd is asked for first, if it is to make it
}

type dir struct {
	top     string   // the directory that is there already, such as the mount point
	below   []string // the names below it, down to the container's own
	v2      bool
	need    []string // controllers that must be handed down to it (version 2)
	wish    []string // controllers that may be
	cpuset  bool     // version 1's, which is useless until it is filled
	freezer bool     // version 1's
	owner   *uint32  // who is to own it, if not root (version 2)
	may     []string // the files that then are theirs, too
	fresh   bool     // it must not exist
	systemd bool     // systemd has made it, where it knows the controllers
}

func (d dir) path() string { return filepath.Join(append([]string{d.top}, d.below...)...) }

// New chooses the directories for a container's cgroup, and what goes into them. Nothing is made yet.
func New(l Layout, where Where, r *specs.LinuxResources) (*Cgroup, error) {
	if where.Systemd {
		if err := where.ask(l); err != nil {
			return nil, err
		}
	}
	if r == nil {
		r = &specs.LinuxResources{}
	}
	list, err := translate(l, r, nil)
	if err != nil {
		return nil, err
	}
	if !l.Unified() {
		where.Owner = nil // delegation isn't safe on version 1 (config-linux.md, "Cgroup ownership")
	}
	c := &Cgroup{request: where.request}
	for _, s := range list {
		d, err := c.dir(l, where, s.controller)
		if err != nil {
			return nil, fmt.Errorf("limiting %s: %w", s.controller, err)
		}
		s.dir = d.path()
		c.settings = append(c.settings, s)
	}
	for i, h := range l.Hierarchies {
		if first, _ := l.With(h.name()); where.All && first.Mount == h.Mount || i == 0 && l.Unified() {
			// Without rights there is no cgroup, and without limits no harm in that.
			if _, err := c.add(h, where); err != nil && !errors.Is(err, ErrNotDelegated) {
				return nil, err
			}
		}
	}
	if err := c.restrict(l, where, r.Devices); err != nil || c.request == nil {
		return c, err
	}
	return c, c.request.complete(l, c, where.Annotations)
}

// dir is the directory for a controller's files.
func (c *Cgroup) dir(l Layout, where Where, controller string) (*dir, error) {
	h, _ := l.find(controller)
	d, err := c.add(h, where)
	if err != nil || !h.V2 || controller == "cgroup" {
		return d, err
	}
	if !slices.Contains(where.controllers(h), controller) {
		return nil, fmt.Errorf("the %s controller isn't handed down to %s: %w", controller, d.top, ErrNotDelegated)
	}
	if !slices.Contains(d.need, controller) {
		d.need = append(d.need, controller)
	}
	return d, nil
}

// add is the directory in a hierarchy, which may be there already.
func (c *Cgroup) add(h Hierarchy, where Where) (*dir, error) {
	top, below, err := where.place(h)
	if err != nil {
		return nil, err
	}
	d := dir{top: top, below: below, v2: h.V2, cpuset: slices.Contains(h.Controllers, "cpuset") && !h.V2, freezer: slices.Contains(h.Controllers, "freezer"), fresh: !where.All && where.Path == "", systemd: where.Systemd}
	if i := slices.IndexFunc(c.dirs, func(o dir) bool { return o.path() == d.path() }); i >= 0 {
		return &c.dirs[i], nil
	}
	if h.V2 && where.All {
		d.wish = where.controllers(h)
	}
	if h.V2 {
		d.owner, d.may = where.Owner, where.delegable()
	}
	c.dirs = append(c.dirs, d)
	return &c.dirs[len(c.dirs)-1], nil
}

// Dirs are the directories, to be recorded before they are made: first those in which most files are looked for, version 2's and the freezer's.
func (c *Cgroup) Dirs() []string {
	var first, second, others []string
	for _, d := range c.dirs {
		switch {
		case d.v2:
			first = append(first, d.path())
		case d.freezer:
			second = append(second, d.path())
		default:
			others = append(others, d.path())
		}
	}
	return slices.Concat(first, second, others)
}

// Vacant tells by an error that one of the directories is there already and has processes in it, or is frozen: two containers in
// a cgroup would be limited, paused and killed together.
func (c *Cgroup) Vacant() error {
	for _, d := range c.Dirs() {
		if unix.Access(d, unix.F_OK) == unix.ENOENT {
			continue
		}
		g := Open([]string{d})
		pids, err := g.Pids()
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return err
		}
		if len(pids) > 0 {
			return fmt.Errorf("the cgroup %s isn't empty: process %d is in it", d, pids[0])
		}
		frozen, err := g.Frozen()
		if err != nil {
			return err
		}
		if frozen {
			return fmt.Errorf("the cgroup %s is frozen: nothing could run in it", d)
		}
	}
	return nil
}

// Unit is what systemd makes of it, or nil.
func (c *Cgroup) Unit() *Unit {
	if c.request == nil {
		return nil
	}
	return &c.request.Unit
}

// Create appends the parent's operations that make the cgroup and set its limits. They come before clone.
func (c *Cgroup) Create(p *plan.Plan) {
	if c.request == nil {
		c.create(p)
		c.open(p)
	}
}

func (c *Cgroup) create(p *plan.Plan) {
	for _, d := range c.dirs {
		d.create(p)
	}
	for _, s := range c.settings {
		s.write(p)
	}
	if c.devices != nil {
		c.devices.write(p, c.deviceIn)
	}
}

// open appends the operation that opens what the child writes to when it joins, wherever it is by then.
func (c *Cgroup) open(p *plan.Plan) {
	op := plan.Op{Actor: plan.Parent, What: "opening the way into the cgroup", Step: step, Why: "the child may be in another mount namespace when it goes in"}
	for _, d := range c.dirs {
		if !d.v2 {
			door := p.Name("tasks")
			c.doors = append(c.doors, door)
			op.Calls = append(op.Calls, openTasks(d.path(), door))
		}
	}
	if len(op.Calls) > 0 {
		p.Add(op)
	}
}

// Into appends the parent's operation that opens the directory of version 2, and gives the name of the descriptor, for a clone(2) with
// CLONE_INTO_CGROUP: a child that is born in it need not be moved, which can take milliseconds (see enter). It is "" if
// there is no such directory, or not before there is a child. It comes between Create and clone, and Join has less to do after it.
func (c *Cgroup) Into(p *plan.Plan) string {
	if c.request != nil {
		return ""
	}
	for _, d := range c.dirs {
		if d.v2 {
			c.born = true
			return openDir(p, d.path())
		}
	}
	return ""
}

// Join appends the operations that put the child in. They come after clone and before anything the child does that should be counted.
func (c *Cgroup) Join(p *plan.Plan) {
	if c.request != nil {
		c.request.begin(p)
		c.create(p)
	}
	for _, d := range c.dirs {
		if d.v2 && !c.born || c.request != nil { // systemd has moved it already, where it has a cgroup with that controller
			move(p, d.path())
		}
	}
	if len(c.doors) > 0 {
		shut := plan.Op{Actor: plan.Parent, What: "closing the way into the cgroup", Step: step, Why: "the child has its own copies of the descriptors"}
		for _, door := range c.doors {
			shut.Calls = append(shut.Calls, plan.Call{Name: "close", Args: []plan.Arg{plan.Ref(door)}})
		}
		p.Add(shut)
		enter(p, c.doors, nil)
	}
}

// move appends the parent's operation that moves the child to a cgroup.
func move(p *plan.Plan, dir string) {
	p.Add(plan.Op{Actor: plan.Parent, What: "moving the child into " + dir, Step: step,
		Why:   "before it does anything, so that nothing escapes the limit",
		Calls: p.WriteFile(plan.Str(filepath.Join(dir, "cgroup.procs")), plan.Concat(plan.Ref("child")))})
}

// enter appends the child's operation that joins those cgroups of version 1 whose tasks files are open. For a thread that moves
// itself (0) the kernel need not stop every fork and exit on the machine first, as it does for a process that another one moves
// (cgroup_threadgroup_rwsem): microseconds each instead of up to ten milliseconds for the first. The child has one thread.
func enter(p *plan.Plan, doors []string, opening []plan.Call) {
	op := plan.Op{Actor: plan.Child, What: "joining the cgroup", Step: step, Why: "before it does anything else, so that nothing escapes the limits", Calls: opening}
	for _, door := range doors {
		op.Calls = append(op.Calls, plan.Call{Name: "write", Args: []plan.Arg{plan.Ref(door), plan.Str("0"), plan.Int(1)}})
	}
	p.Add(op)
}

func openTasks(dir, result string) plan.Call {
	return plan.Call{Name: "openat", Args: []plan.Arg{plan.AtCWD(), plan.Str(filepath.Join(dir, "tasks")), plan.Sym("O_WRONLY|O_CLOEXEC", unix.O_WRONLY|unix.O_CLOEXEC)}, Result: result}
}

func openDir(p *plan.Plan, dir string) string {
	name := p.Name("cgroup")
	p.Add(plan.Op{Actor: plan.Parent, What: "opening the cgroup " + dir, Step: step, Why: "the child is to be born in it",
		Calls: []plan.Call{{Name: "openat", Args: []plan.Arg{plan.AtCWD(), plan.Str(dir), plan.Sym("O_PATH|O_DIRECTORY|O_CLOEXEC", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC)}, Result: name}}})
	return name
}

// create appends the operation that makes a directory and, where they are missing, those above it. On version 2 each has to hand its
// controllers down to the next.
func (d dir) create(p *plan.Plan) {
	op := plan.Op{Actor: plan.Parent, What: "making the cgroup " + d.path(), Step: step,
		Why: "a group of processes that the kernel counts and limits together"}
	if d.systemd {
		op.What, op.Why = "completing the cgroup "+d.path(), "there are controllers that systemd doesn't know"
	}
	at := d.top
	for _, name := range d.below {
		if d.v2 {
			op.Calls = append(op.Calls, d.handDown(p, at)...)
		}
		parent := at
		at = filepath.Join(at, name)
		made := plan.Call{Name: "mkdirat", Args: []plan.Arg{plan.AtCWD(), plan.Str(at), plan.Mode(0o755)}}
		if !d.fresh {
			made.Allow = []unix.Errno{unix.EEXIST}
		}
		if d.cpuset {
			made.Result = p.Name("made")
		}
		op.Calls = append(op.Calls, made)
		if d.cpuset {
			op.Calls = append(op.Calls, fill(p, made.Result, parent, at, "cpuset.cpus")...)
			op.Calls = append(op.Calls, fill(p, made.Result, parent, at, "cpuset.mems")...)
		}
	}
	p.Add(op)
	if d.owner != nil {
		d.giveAway(p)
	}
}

// handDown is the calls by which a cgroup of version 2 lets those below it have controllers: all that can be had, or else those
// without which a limit would be lost.
func (d dir) handDown(p *plan.Plan, parent string) []plan.Call {
	control := plan.Str(filepath.Join(parent, "cgroup.subtree_control"))
	need, wish := enabling(d.need), enabling(d.wish)
	if wish == "" {
		if need == "" {
			return nil
		}
		return p.WriteFile(control, plan.Str(need))
	}
	calls := p.WriteFile(control, plan.Str(wish))
	calls[0].Allow = []unix.Errno{unix.EACCES, unix.EPERM, unix.EROFS}
	calls[1].Allow = []unix.Errno{unix.EINVAL, unix.ENOENT, unix.EBUSY, unix.EOPNOTSUPP}
	if need != "" {
		calls[1].Result = p.Name("handed")
		again := p.WriteFile(control, plan.Str(need))
		again[0].Unless = calls[1].Result
		calls = append(calls, again...)
	}
	return calls
}

func enabling(controllers []string) string {
	if len(controllers) == 0 {
		return ""
	}
	return "+" + strings.Join(controllers, " +")
}

// fill is the calls that copy a file of a cpuset from the cgroup above to one that was just made. It begins empty on version 1, and a
// process that joined it would have nowhere to run (ENOSPC).
func fill(p *plan.Plan, made, parent, dir, file string) []plan.Call {
	from, to, length := p.Name("file"), p.Name("file"), p.Name("length")
	text := plan.Bytes(file, make([]byte, 4096))
	calls := []plan.Call{
		{Name: "openat", Args: []plan.Arg{plan.AtCWD(), plan.Str(filepath.Join(parent, file)), plan.Sym("O_RDONLY|O_CLOEXEC", unix.O_RDONLY|unix.O_CLOEXEC)}, Result: from},
		{Name: "read", Args: []plan.Arg{plan.Ref(from), text, text.Size()}, Result: length},
		{Name: "close", Args: []plan.Arg{plan.Ref(from)}},
		{Name: "openat", Args: []plan.Arg{plan.AtCWD(), plan.Str(filepath.Join(dir, file)), plan.Sym("O_WRONLY|O_CLOEXEC", unix.O_WRONLY|unix.O_CLOEXEC)}, Result: to},
		{Name: "write", Args: []plan.Arg{plan.Ref(to), text, plan.Ref(length)}},
		{Name: "close", Args: []plan.Arg{plan.Ref(to)}},
	}
	calls[0].If, calls[3].If = made, made
	return calls
}

// giveAway makes a directory and its files for delegation the container's own (config-linux.md, "Cgroup ownership").
func (d dir) giveAway(p *plan.Plan) {
	op := plan.Op{Actor: plan.Parent, What: fmt.Sprintf("giving %s to user %d", d.path(), *d.owner), Step: step,
		Why: "root of the container may divide it further, and no more: its limits stay ours"}
	for _, name := range append([]string{"."}, d.may...) {
		op.Calls = append(op.Calls, plan.Call{Name: "fchownat", Allow: []unix.Errno{unix.ENOENT},
			Args: []plan.Arg{plan.AtCWD(), plan.Str(filepath.Join(d.path(), name)), plan.Int(int(*d.owner)), plan.Sym("-1", -1), plan.Sym("AT_SYMLINK_NOFOLLOW", unix.AT_SYMLINK_NOFOLLOW)}})
	}
	p.Add(op)
}
