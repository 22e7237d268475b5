package mount

import (
	"fmt"
	"path"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/plan"
)

// A Set is a container's mounts on their way from gathered to attached.
type Set struct {
	entries []entry
}

type entry struct {
	mount specs.Mount
	fd    string // the name of its descriptor in the plan
	file  bool   // to be attached on a file
}

// IsDir tells whether a path on the host is a directory. It is how planning looks at the host, so that a test can answer instead.
type IsDir func(path string) (bool, error)

// Gather appends the operations of the first half: each mount becomes a descriptor. They come before [Pivot], while the host's tree is there, and
// while proc and sysfs, which the kernel gives to a user namespace only where it can see the host's unobstructed, can be had.
func Gather(p *plan.Plan, mounts []specs.Mount, isDir IsDir) (*Set, error) {
	s := &Set{}
	for _, m := range mounts {
		if !path.IsAbs(m.Destination) {
			return nil, fmt.Errorf("mount destination %q is not an absolute path", m.Destination)
		}
		m.Destination = path.Clean(m.Destination)
		if m.Destination == "/" {
			return nil, fmt.Errorf("mounting %s on / would hide the whole container", m.Source)
		}
		if len(m.UIDMappings)+len(m.GIDMappings) > 0 {
			return nil, fmt.Errorf("mounting on %s: uidMappings and gidMappings are not supported", m.Destination)
		}
		o, err := parseOptions(m.Options)
		if err != nil {
			return nil, fmt.Errorf("mounting on %s: %w", m.Destination, err)
		}
		e := entry{mount: m, fd: p.Name("mount")}
		if o.bind || m.Type == "bind" {
			dir, err := isDir(m.Source)
			if err != nil {
				return nil, fmt.Errorf("mounting %s on %s: %w", m.Source, m.Destination, err)
			}
			if len(o.data) > 0 {
				return nil, fmt.Errorf("mounting %s on %s: unknown option %q", m.Source, m.Destination, o.data[0])
			}
			e.file = !dir
			clone(p, e, o)
		} else {
			create(p, e, o)
		}
		s.entries = append(s.entries, e)
	}
	return s, nil
}

// clone takes a piece of the host's tree.
func clone(p *plan.Plan, e entry, o options) {
	op := plan.Op{Actor: plan.Child, What: "cloning " + e.mount.Source + " for " + e.mount.Destination, Step: step,
		Why: "a bind mount: the same files at a second place, taken while the host's tree is still there",
		Calls: []plan.Call{
			{Name: "open_tree", Args: []plan.Arg{plan.AtCWD(), plan.Str(e.mount.Source), openTreeFlags(o.recursive)}, Result: e.fd},
		}}
	if o.set|o.clear|o.propagation != 0 {
		const anyTime = unix.MOUNT_ATTR__ATIME
		if o.set&anyTime != 0 {
			o.clear |= anyTime
		}
		flags := plan.Sym("AT_EMPTY_PATH", unix.AT_EMPTY_PATH)
		if o.rattr {
			flags = plan.Sym("AT_EMPTY_PATH|AT_RECURSIVE", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE)
		}
		op.Calls = append(op.Calls, plan.Call{Name: "mount_setattr", Args: []plan.Arg{
			plan.Ref(e.fd), plan.Str(""), flags, attr(o.set, o.clear, o.symbols(), o.propagation), plan.Int(unix.MOUNT_ATTR_SIZE_VER0),
		}})
	}
	p.Add(op)
}

// why explains the filesystems every container has.
var why = map[string]string{
	"proc":    "made in the container's pid namespace, it shows only the processes in there (proc(5))",
	"sysfs":   "what the kernel tells of devices, for reading only",
	"tmpfs":   "memory as a filesystem; it ends with the container",
	"devpts":  "pseudo-terminals of its own, numbered from 0",
	"mqueue":  "POSIX message queues of the container's IPC namespace",
	"cgroup":  "the container's own cgroup, seen as the top",
	"cgroup2": "the container's own cgroup, seen as the top",
}

// create makes a new filesystem.
func create(p *plan.Plan, e entry, o options) {
	fs := p.Name("fs")
	op := plan.Op{Actor: plan.Child, What: "creating " + e.mount.Type + " for " + e.mount.Destination, Step: step, Why: why[e.mount.Type],
		Calls: []plan.Call{{Name: "fsopen", Args: []plan.Arg{plan.Str(e.mount.Type), plan.Sym("FSOPEN_CLOEXEC", unix.FSOPEN_CLOEXEC)}, Result: fs}}}
	source := e.mount.Source
	if source == "" {
		source = e.mount.Type
	}
	for _, d := range append([]string{"source=" + source}, o.data...) {
		key, value, has := strings.Cut(d, "=")
		c := plan.Call{Name: "fsconfig", Args: []plan.Arg{plan.Ref(fs), plan.Sym("FSCONFIG_SET_STRING", unix.FSCONFIG_SET_STRING), plan.Str(key), plan.Str(value), plan.Int(0)}}
		if !has {
			c.Args[1], c.Args[3] = plan.Sym("FSCONFIG_SET_FLAG", unix.FSCONFIG_SET_FLAG), plan.Null()
		}
		op.Calls = append(op.Calls, c)
	}
	op.Calls = append(op.Calls,
		plan.Call{Name: "fsconfig", Args: []plan.Arg{plan.Ref(fs), plan.Sym("FSCONFIG_CMD_CREATE", unix.FSCONFIG_CMD_CREATE), plan.Null(), plan.Null(), plan.Int(0)}},
		plan.Call{Name: "fsmount", Args: []plan.Arg{plan.Ref(fs), plan.Sym("FSMOUNT_CLOEXEC", unix.FSMOUNT_CLOEXEC), plan.Sym(o.symbols(), int(o.set))}, Result: e.fd})
	if o.propagation != 0 {
		op.Calls = append(op.Calls, plan.Call{Name: "mount_setattr", Args: []plan.Arg{
			plan.Ref(e.fd), plan.Str(""), plan.Sym("AT_EMPTY_PATH", unix.AT_EMPTY_PATH), attr(0, 0, "0", o.propagation), plan.Int(unix.MOUNT_ATTR_SIZE_VER0),
		}})
	}
	p.Add(op)
}

// Attach appends the operations of the second half, after [Pivot]: the place of each mount is made if it isn't there, and the mount put on it.
func (s *Set) Attach(p *plan.Plan) {
	for _, e := range s.entries {
		// A link in place of /proc or /sys would have us write to files that only look like the kernel's (CVE-2019-19921).
		links := e.mount.Type != "proc" && e.mount.Type != "sysfs"
		attach(p, e.fd, e.mount.Destination, e.file, links)
	}
}

func attach(p *plan.Plan, fd, destination string, file, links bool) {
	calls := makeDirs(p, path.Dir(destination))
	name := plan.Str(path.Base(destination))
	parent := plan.AtCWD()
	if n := len(calls); n > 0 {
		parent = plan.Ref(calls[n-1].Result)
	}
	maybe := []unix.Errno{unix.EEXIST, unix.EROFS}
	if file {
		calls = append(calls, plan.Call{Name: "openat", Allow: maybe, Args: []plan.Arg{
			parent, name, plan.Sym("O_CREAT|O_EXCL|O_CLOEXEC", unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC), plan.Mode(0o644)}})
	} else {
		calls = append(calls, plan.Call{Name: "mkdirat", Allow: maybe, Args: []plan.Arg{parent, name, plan.Mode(0o755)}})
	}
	place := p.Name("place")
	where := how(unix.O_PATH, "O_PATH|O_CLOEXEC", 0)
	if !links {
		where = plan.Bytes("{O_PATH|O_CLOEXEC, RESOLVE_IN_ROOT|RESOLVE_NO_SYMLINKS}", plan.Words(unix.O_PATH|unix.O_CLOEXEC, 0, unix.RESOLVE_IN_ROOT|unix.RESOLVE_NO_SYMLINKS))
	}
	calls = append(calls,
		plan.Call{Name: "openat2", Args: []plan.Arg{plan.AtCWD(), plan.Str(destination), where, plan.Int(howSize)}, Result: place},
		moveMount(fd, place))
	p.Add(plan.Op{Actor: plan.Child, What: "mounting on " + destination, Step: step, Calls: calls})
}

// moveMount attaches the mount of one descriptor at the place of another: no name is looked up a second time.
func moveMount(fd, place string, allow ...unix.Errno) plan.Call {
	return plan.Call{Name: "move_mount", Allow: allow, Args: []plan.Arg{plan.Ref(fd), plan.Str(""), plan.Ref(place), plan.Str(""),
		plan.Sym("MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)}}
}

// makeDirs is mkdir -p inside the new root, safe from links that lead elsewhere through /proc. The last call's result is dir; for the root itself there is
// no call.
func makeDirs(p *plan.Plan, dir string) []plan.Call {
	var calls []plan.Call
	parent, sofar := plan.AtCWD(), ""
	for part := range strings.SplitSeq(strings.Trim(dir, "/"), "/") {
		if part == "" {
			continue
		}
		sofar += "/" + part
		fd := p.Name("dir")
		calls = append(calls,
			plan.Call{Name: "mkdirat", Args: []plan.Arg{parent, plan.Str(part), plan.Mode(0o755)}, Allow: []unix.Errno{unix.EEXIST, unix.EROFS}},
			plan.Call{Name: "openat2", Args: []plan.Arg{plan.AtCWD(), plan.Str(sofar), how(unix.O_PATH|unix.O_DIRECTORY, "O_PATH|O_DIRECTORY|O_CLOEXEC", 0), plan.Int(howSize)}, Result: fd})
		parent = plan.Ref(fd)
	}
	return calls
}

// WorkingDir appends the operation that goes to a directory, making it if it isn't there, as Docker does.
func WorkingDir(p *plan.Plan, dir string) error {
	if !path.IsAbs(dir) {
		return fmt.Errorf("process.cwd %q is not an absolute path", dir)
	}
	op := plan.Op{Actor: plan.Child, What: "going to " + path.Clean(dir), Step: step}
	op.Calls = makeDirs(p, path.Clean(dir))
	if n := len(op.Calls); n > 0 {
		fd := op.Calls[n-1].Result
		// O_PATH is enough for fchdir(2) and asks for no permission to read.
		op.Calls = append(op.Calls, plan.Call{Name: "fchdir", Args: []plan.Arg{plan.Ref(fd)}})
	} else {
		op.Calls = []plan.Call{{Name: "chdir", Args: []plan.Arg{plan.Str("/")}}}
	}
	p.Add(op)
	return nil
}
