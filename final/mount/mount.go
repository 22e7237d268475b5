package mount

import (
	"fmt"
	"path"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/plan"
)

// Options are what gathering needs to know besides the mounts.
type Options struct {
	// IsDir tells whether a path on the host is a directory. It is how planning looks at the host, so that a test can answer instead.
	IsDir func(path string) (bool, error)
	// Rootfs is the root filesystem, if it can be looked into before the container is made: it tells the mode of a directory that a tmpfs will cover, where
	// links lead that lead to nothing yet, and what a device's name stands for already. Empty, nothing of that is known.
	Rootfs string
	// Userns says that the container is in a user namespace, where it can neither make devices nor undo what is locked about a mount.
	Userns bool
	// AsCaller is the place in the plan, as an index of its operations, where the child of a user namespace hasn't become root of it yet: there it can still go where only
	// the caller may, on the way to what is to be bound. Zero is none.
	AsCaller int
	// Shared says that others are in the container's mount namespace too, as in the host's, whose mounts [Private] doesn't make private.
	Shared bool
	// Label is linux.mountLabel, the SELinux label of new filesystems.
	Label string
}

// A Set is a container's mounts on their way from gathered to attached.
type Set struct {
	// Idmaps are the user namespaces that have to be there before the plan runs, as inputs of it.
	Idmaps []Idmap
	// Warnings are options that mean nothing, which is no failure.
	Warnings []string

	options Options
	maps    [][2]string // of Idmaps
	entries []entry
}

type entry struct {
	mount  specs.Mount
	fd     string   // the name of its descriptor in the plan
	bound  bool     // a piece of the host's tree
	file   bool     // to be attached on a file
	copyUp bool     // to be filled with what it covers
	late   change   // of its attributes, at the end
	create *plan.Op // of a filesystem that is made only when it is to be attached
}

// Gather appends the operations of the first half: each mount becomes a descriptor, attached nowhere. They come before [Private]: only now is what is taken
// from the host still in touch with it, which a mount that is to be shared with the host, or to follow it, must be.
func Gather(p *plan.Plan, mounts []specs.Mount, o Options) (*Set, error) {
	s := &Set{options: o}
	for _, m := range mounts {
		// "Relative paths MUST be interpreted as relative to /" (config.md, "Mounts").
		m.Destination = path.Join("/", m.Destination)
		if err := s.gather(p, m); err != nil {
			return nil, fmt.Errorf("mounting %s on %s: %w", name(m), m.Destination, err)
		}
	}
	return s, nil
}

// name is what a mount is called in a message.
func name(m specs.Mount) string {
	if m.Source != "" {
		return m.Source
	}
	return m.Type
}

func (s *Set) gather(p *plan.Plan, m specs.Mount) error {
	o := parseOptions(m.Options)
	if o.remount {
		return s.remount(m, o)
	}
	if m.Type == "bind" {
		o.bind = true
	}
	if err := check(m, o); err != nil {
		return err
	}
	e := entry{mount: m, fd: p.Name("mount"), bound: o.bind, copyUp: o.copyUp}
	if o.bind {
		dir, err := s.options.IsDir(m.Source)
		if err != nil {
			return err
		}
		e.file = !dir
		for _, d := range o.data {
			// mount(2) ignores what is for a filesystem when it makes a bind mount, and so callers leave it there, with what an fstab has for mount(8).
			s.Warnings = append(s.Warnings, fmt.Sprintf("mounting %s on %s: the option %s is none of a bind mount's, and ignored", m.Source, m.Destination, d))
		}
		s.clone(p, e, o)
		if err := s.idmap(p, e, o); err != nil {
			return err
		}
	} else {
		if m.Type == "tmpfs" {
			// What is mounted in it needs a place made first, and copying needs it writable.
			ro := uint64(unix.MOUNT_ATTR_RDONLY)
			e.late.set = (o.own.set | o.all.set) & ro
			o.own.set, o.all.set = o.own.set&^ro, o.all.set&^ro
			if !slices.ContainsFunc(o.data, func(d string) bool { return strings.HasPrefix(d, "mode=") }) {
				o.data = append(o.data, s.mode(m.Destination)...)
			}
		}
		if err := s.create(p, &e, o); err != nil {
			return err
		}
	}
	s.entries = append(s.entries, e)
	return nil
}

// remount changes attributes of what an earlier entry mounts, but only at the end, because something may have to be made in it. As with mount(8), those that it
// doesn't mention stay as they are.
func (s *Set) remount(m specs.Mount, o options) error {
	if len(o.data)+len(o.super)+len(o.propagations) > 0 || o.all != (change{}) || o.idmap || o.copyUp {
		return fmt.Errorf("in mounts.options only attributes of the mount itself, such as ro and nosuid, can go with remount: leave out the others")
	}
	for i, e := range slices.Backward(s.entries) {
		if e.mount.Destination == m.Destination {
			s.entries[i].late = e.late.then(o.own)
			return nil
		}
	}
	return fmt.Errorf("the option remount is for what an earlier entry of mounts has there, and there is none: add one, or leave the option out")
}

// check tells what is wrong with a mount by itself.
func check(m specs.Mount, o options) error {
	switch {
	case m.Destination == "/":
		return fmt.Errorf("it would hide the whole container")
	case !o.bind && m.Type == "":
		return fmt.Errorf("it has no type")
	case !o.bind && (o.idmap || len(m.UIDMappings)+len(m.GIDMappings) > 0):
		return fmt.Errorf("only a bind mount can have ids mapped")
	case o.copyUp && m.Type != "tmpfs":
		return fmt.Errorf("the option tmpcopyup is for tmpfs")
	}
	return checkProc(m, o)
}

// overProc are files of proc that may be covered, for programs that read of the whole machine there and should read of the container (lxcfs).
var overProc = []string{
	"/proc/cpuinfo", "/proc/diskstats", "/proc/loadavg", "/proc/meminfo", "/proc/net/dev", "/proc/slabinfo", "/proc/stat", "/proc/swaps", "/proc/uptime",
	"/proc/sys/crypto/fips_enabled", "/proc/sys/kernel/ns_last_pid",
}

// checkProc refuses what would put something else in place of the kernel's files in /proc, by which a process is protected (CVE-2019-16884, CVE-2019-19921). As runc, it
// makes an exception for a few files.
func checkProc(m specs.Mount, o options) error {
	switch {
	case m.Destination == "/proc" && (m.Type == "proc" || o.bind && path.Clean(m.Source) == "/proc"):
	case m.Destination == "/proc":
		return fmt.Errorf("nothing but proc can be there")
	case below(m.Destination, "/proc") && !(o.bind && slices.Contains(overProc, m.Destination)):
		return fmt.Errorf("it is inside of /proc")
	}
	return nil
}

// below tells whether a name is one in a directory, or in one in it.
func below(name, dir string) bool { return strings.HasPrefix(name, dir+"/") }

// clone takes a piece of the host's tree.
func (s *Set) clone(p *plan.Plan, e entry, o options) {
	if len(o.propagations) == 0 {
		o.propagations = []propagation{{unix.MS_PRIVATE, "MS_PRIVATE", true}}
	}
	if !o.recursive {
		o.merge()
	}
	take := plan.Op{Actor: plan.Child, What: "cloning " + e.mount.Source + " for " + e.mount.Destination, Step: step,
		Why: "a bind mount: the same files at a second place", Calls: []plan.Call{cloneTree(e.mount.Source, o.recursive, e.fd)}}
	settle := s.settle(p, e.fd, o)
	if at := s.options.AsCaller; at > 0 {
		p.Ops = slices.Insert(p.Ops, at, take)
		s.options.AsCaller++
		take = plan.Op{Actor: plan.Child, What: "giving " + e.mount.Destination + " its attributes", Step: step}
	}
	take.Calls = append(take.Calls, settle...)
	p.Add(take)
}

// merge makes one of what is said of a mount and what is said of all below it, for where there is but one.
func (o *options) merge() {
	o.own, o.all = o.own.then(o.all), change{}
	for i := range o.propagations {
		o.propagations[i].recursive = false
	}
}

// settle is the calls that give a gathered mount its attributes and its propagation, as few as will do.
func (s *Set) settle(p *plan.Plan, fd string, o options) (calls []plan.Call) {
	rest := o.propagations
	for _, c := range []struct {
		change
		recursive bool
	}{{o.own, false}, {o.all, true}} {
		var first propagation
		if len(rest) > 0 && rest[0].recursive == c.recursive {
			first, rest = rest[0], rest[1:]
		}
		calls = append(calls, s.change(p, fd, c.change, first, c.recursive)...)
	}
	for _, next := range rest {
		calls = append(calls, s.change(p, fd, change{}, next, next.recursive)...)
	}
	return calls
}

// change is one call, or two in a user namespace: there some attributes of what comes from the host can't be cleared, and then the mount keeps them all
// (mount_namespaces(7), "Restrictions on mount namespaces").
func (s *Set) change(p *plan.Plan, fd string, c change, to propagation, recursive bool) []plan.Call {
	if c == (change{}) && to.flag == 0 {
		return nil
	}
	calls := []plan.Call{setattr(plan.Ref(fd), "", unix.AT_EMPTY_PATH, c, to, recursive)}
	kept := c
	if c.clear&^accessTimes != 0 || c.set&accessTimes == 0 {
		kept.clear = 0
	}
	if c.set&accessTimes != 0 {
		kept.clear = accessTimes
	}
	if !s.options.Userns || kept == c {
		return calls
	}
	calls[0].Allow = []unix.Errno{unix.EPERM}
	if kept != (change{}) || to.flag != 0 {
		calls[0].Result = p.Name("changed")
		calls = append(calls, setattr(plan.Ref(fd), "", unix.AT_EMPTY_PATH, kept, to, recursive))
		calls[1].Unless = calls[0].Result
	}
	return calls
}

// why explains the filesystems every container has.
func why(filesystem string) string {
	switch filesystem {
	case "proc":
		return "made in the container's pid namespace, it shows only the processes in there (proc(5))"
	case "sysfs":
		return "what the kernel tells of devices, for reading only"
	case "tmpfs":
		return "memory as a filesystem; it ends with the container"
	case "devpts":
		return "pseudo-terminals of its own, numbered from 0"
	case "mqueue":
		return "POSIX message queues of the container's IPC namespace"
	case "cgroup", "cgroup2":
		return "the container's own cgroup, seen as the top"
	}
	return ""
}

// unlabelled are filesystems that take no SELinux label when they are mounted, because their files have their own.
var unlabelled = []string{"proc", "sysfs", "mqueue", "cgroup", "cgroup2"}

// create makes a new filesystem.
func (s *Set) create(p *plan.Plan, e *entry, o options) error {
	m := e.mount
	o.merge()
	if path.IsAbs(m.Source) && o.own.set&unix.MOUNT_ATTR_RDONLY != 0 {
		o.super = append(o.super, "ro") // a disk that can't be written can only be opened so
	}
	data := append(o.super, o.data...)
	what := "creating " + m.Type + " for " + m.Destination
	if s.options.Label != "" && !slices.Contains(unlabelled, m.Type) {
		data = append(data, `context="`+s.options.Label+`"`)
		what += " with linux.mountLabel " + s.options.Label // without SELinux the kernel refuses it
	}
	if m.Type != "proc" && slices.ContainsFunc(data, long) {
		return s.createLate(p, e, o, what, strings.Join(data, ","))
	}
	fs := p.Name("fs")
	calls := []plan.Call{
		{Name: "fsopen", Args: []plan.Arg{plan.Str(m.Type), plan.Sym("FSOPEN_CLOEXEC", unix.FSOPEN_CLOEXEC)}, Result: fs},
		setOption(fs, "source="+name(m)),
	}
	for _, d := range data {
		calls = append(calls, setOption(fs, d))
	}
	calls = append(calls,
		plan.Call{Name: "fsconfig", Args: []plan.Arg{plan.Ref(fs), plan.Sym("FSCONFIG_CMD_CREATE", unix.FSCONFIG_CMD_CREATE), plan.Null(), plan.Null(), plan.Int(0)}},
		plan.Call{Name: "fsmount", Args: []plan.Arg{plan.Ref(fs), plan.Sym("FSMOUNT_CLOEXEC", unix.FSMOUNT_CLOEXEC), plan.Sym(symbols(o.own.set), int(o.own.set))}, Result: e.fd})
	o.own = change{}
	p.Add(plan.Op{Actor: plan.Child, What: what, Step: step, Why: why(m.Type),
		Calls: append(calls, s.settle(p, e.fd, o)...)})
	return nil
}

// createLate makes one by mount(2), which takes longer options and can't but attach it somewhere: on the host's /proc, in this mount namespace alone, right
// before it is put in its place.
func (s *Set) createLate(p *plan.Plan, e *entry, o options, what, data string) error {
	switch {
	case s.options.Shared:
		return fmt.Errorf("an option is longer than the %d bytes that fsconfig(2) takes, and mount(2) needs a mount namespace: add one to linux.namespaces", maxValue)
	case len(data) > maxOptions:
		return fmt.Errorf("the options are longer than the %d bytes that mount(2) takes: use fewer layers or shorter paths", maxOptions)
	}
	calls := []plan.Call{
		{Name: "mount", Args: []plan.Arg{plan.Str(name(e.mount)), plan.Str("/proc"), plan.Str(e.mount.Type), plan.Int(0), plan.Str(data)}},
		openDir("/proc", e.fd),
	}
	e.create = &plan.Op{Actor: plan.Child, What: what, Step: step, Why: "by mount(2), because an option is longer than fsconfig(2) takes",
		Calls: append(calls, s.settle(p, e.fd, o)...)}
	return nil
}

// setOption gives a new filesystem an option, key=value or a flag (fsconfig(2)).
func setOption(fs, option string) plan.Call {
	key, value, has := strings.Cut(option, "=")
	c := plan.Call{Name: "fsconfig", Args: []plan.Arg{plan.Ref(fs), plan.Sym("FSCONFIG_SET_STRING", unix.FSCONFIG_SET_STRING),
		plan.Str(key), plan.Str(strings.Trim(value, `"`)), plan.Int(0)}}
	if !has {
		c.Args[1], c.Args[3] = plan.Sym("FSCONFIG_SET_FLAG", unix.FSCONFIG_SET_FLAG), plan.Null()
	}
	return c
}
