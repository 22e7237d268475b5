package mount

import (
	"path"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/plan"
)

// Attach appends the operations of the second half, before [Pivot]: the place of each mount below root is made if it isn't there, and the mount put
// on it. root is the name of a descriptor ([Bind], [Open]), or empty for the working directory.
//
// proc comes last, with what is in it, whatever the order of the list: a name that doesn't begin with /proc can then not get there by a link
// of the image, and no mount can take the place of a file by which the kernel is told something (CVE-2019-19921, CVE-2023-27561). The order is still
// the list's as far as anybody can see ([park]).
func (s *Set) Attach(p *plan.Plan, root string) {
	parked := s.options.Shared || root == "" // the host's /proc may be just where this one is to be
	for n, e := range s.entries {
		switch {
		case !inProc(e.mount):
			s.attach(p, root, e)
		case !parked && e.mount.Destination == "/proc" && slices.ContainsFunc(s.entries[n:], func(later entry) bool { return !inProc(later.mount) }):
			park(p, e)
			parked = true
		}
	}
	for _, e := range s.entries {
		if inProc(e.mount) {
			s.attach(p, root, e)
		}
	}
}

// park puts proc where no name in the container leads, for the time being. "The runtime MUST mount entries in the listed order" (config.md, "Mounts"), and kernels
// before 6.8 tell of them in the order in which they were first attached, wherever they are moved later.
func park(p *plan.Plan, e entry) {
	p.Add(plan.Op{Actor: plan.Child, What: "keeping " + e.mount.Destination + " until the others are mounted", Step: step,
		Why: "on the host's /proc, in this mount namespace alone; so it has its turn in /proc/PID/mountinfo",
		Calls: []plan.Call{{Name: "move_mount", Allow: []unix.Errno{unix.ENOENT, unix.ENOTDIR}, Args: []plan.Arg{plan.Ref(e.fd), plan.Str(""), plan.AtCWD(), plan.Str("/proc"),
			plan.Sym("MOVE_MOUNT_F_EMPTY_PATH", unix.MOVE_MOUNT_F_EMPTY_PATH)}}}})
}

// attach puts a mount in its place.
func (s *Set) attach(p *plan.Plan, root string, e entry) {
	if e.create != nil {
		p.Add(*e.create)
	}
	place := p.Name("place")
	// A link in place of /proc or /sys would have us write to files that only look like the kernel's.
	links := e.mount.Type != "proc" && e.mount.Type != "sysfs"
	made := e.mount.Destination
	if links && !s.covered(made) {
		made = s.options.follow(made)
	}
	op := plan.Op{Actor: plan.Child, What: "mounting on " + e.mount.Destination, Step: step,
		Calls: find(p, root, e.mount.Destination, made, e.file, links, place)}
	if e.copyUp {
		p.Add(op)
		copyUp(p, place, e)
		op.Calls = nil
	}
	op.Calls = append(op.Calls, moveMount(e.fd, place))
	op.Calls = append(op.Calls, done(root, place)...)
	p.Add(op)
}

func inProc(m specs.Mount) bool { return m.Destination == "/proc" || below(m.Destination, "/proc") }

// copyUp has the parent copy what a mount will cover.
func copyUp(p *plan.Plan, place string, e entry) {
	from, to := p.Name("copy"), p.Name("copy")
	p.Add(plan.Op{Actor: plan.Parent, What: "copying " + e.mount.Destination + " up", Step: step,
		Why: "the option tmpcopyup: the tmpfs begins with what it covers",
		Calls: []plan.Call{
			fetch(place, from), fetch(e.fd, to),
			{Name: plan.CopyTree, Args: []plan.Arg{plan.Ref(from), plan.Ref(to)}},
			{Name: "close", Args: []plan.Arg{plan.Ref(from)}}, {Name: "close", Args: []plan.Arg{plan.Ref(to)}},
		}})
}

// Seal appends the operations that make read-only what had to be written to until now, and change what is remounted. It comes after [Set.Devices], [Link] and
// [Console].
func (s *Set) Seal(p *plan.Plan) {
	for _, e := range s.entries {
		what := "remounting " + e.mount.Destination
		if e.late == (change{set: unix.MOUNT_ATTR_RDONLY}) {
			what = "making " + e.mount.Destination + " read-only"
		}
		if calls := s.change(p, e.fd, e.late, propagation{}, false); calls != nil {
			p.Add(plan.Op{Actor: plan.Child, What: what, Step: step, Calls: calls})
		}
	}
}

// find is the calls that open the place of a mount, whose descriptor gets the name place. If there is nothing, it is made by the name made.
func find(p *plan.Plan, root, destination, made string, file, links bool, place string) []plan.Call {
	resolve := uint64(unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS)
	if !links {
		resolve = unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS
	}
	there := open(root, destination, unix.O_PATH, "O_PATH", resolve, place)
	calls := []plan.Call{there}
	calls[0].Allow = []unix.Errno{unix.ENOENT}
	dirs, parent := makeDirs(p, root, path.Dir(made), place)
	calls = append(calls, dirs...)
	last := plan.Call{Name: "mkdirat", Allow: exists, Unless: place, Args: []plan.Arg{at(parent), plan.Str(path.Base(made)), plan.Mode(0o755)}}
	opened := []string{parent}
	if file {
		opened = append(opened, p.Name("file"))
		last = plan.Call{Name: "openat", Result: opened[1], Allow: exists, Unless: place, Args: []plan.Arg{
			at(parent), plan.Str(path.Base(made)), plan.Sym("O_CREAT|O_EXCL|O_CLOEXEC", unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC), plan.Mode(0o644)}}
	}
	there.Unless = place
	return append(append(calls, last, there), done(root, opened...)...)
}

// done closes descriptors that have served, if they aren't root. There may be hundreds of mounts, and the limit on open files is the caller's (RLIMIT_NOFILE in
// getrlimit(2)): only the one of each gathered mount stays open.
func done(root string, fds ...string) (calls []plan.Call) {
	for _, fd := range fds {
		if fd != root {
			calls = append(calls, plan.Call{Name: "close", Args: []plan.Arg{plan.Ref(fd)}})
		}
	}
	return calls
}

// exists is how making what is there already fails.
var exists = []unix.Errno{unix.EEXIST}

// makeDirs is mkdir -p below root, and the name of the last directory's descriptor, or root itself. It does nothing if there is a result of the name unless.
func makeDirs(p *plan.Plan, root, dir, unless string) (calls []plan.Call, last string) {
	last, sofar := root, ""
	for part := range strings.SplitSeq(strings.Trim(dir, "/"), "/") {
		if part == "" {
			continue
		}
		sofar += "/" + part
		fd := p.Name("dir")
		found := openIn(root, sofar, unix.O_PATH|unix.O_DIRECTORY, "O_PATH|O_DIRECTORY", fd)
		found.Unless = unless
		calls = append(calls, plan.Call{Name: "mkdirat", Args: []plan.Arg{at(last), plan.Str(part), plan.Mode(0o755)}, Allow: exists, Unless: unless}, found)
		calls = append(calls, done(root, last)...)
		last = fd
	}
	return calls, last
}

// at is a directory to begin at: a descriptor, or without a name for one the working directory.
func at(root string) plan.Arg {
	if root == "" {
		return plan.AtCWD()
	}
	return plan.Ref(root)
}

// openIn opens a name as if root were /, through no magic link: the links of proc that lead to open files, and so out of any root.
func openIn(root, name string, flags uint64, text, result string) plan.Call {
	return open(root, name, flags, text, unix.RESOLVE_IN_ROOT|unix.RESOLVE_NO_MAGICLINKS, result)
}

func open(root, name string, flags uint64, text string, resolve uint64, result string) plan.Call {
	how := "RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS"
	if resolve&unix.RESOLVE_NO_SYMLINKS != 0 {
		how = "RESOLVE_IN_ROOT|RESOLVE_NO_SYMLINKS"
	}
	arg := plan.Bytes("{"+text+"|O_CLOEXEC, "+how+"}", plan.Words(flags|unix.O_CLOEXEC, 0, resolve))
	return plan.Call{Name: "openat2", Args: []plan.Arg{at(root), plan.Str(name), arg, arg.Size()}, Result: result}
}

// moveMount attaches the mount of one descriptor at the place of another: no name is looked up a second time.
func moveMount(fd, place string) plan.Call {
	return plan.Call{Name: "move_mount", Args: []plan.Arg{plan.Ref(fd), plan.Str(""), plan.Ref(place), plan.Str(""),
		plan.Sym("MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)}}
}

// Link appends the operation that makes a symbolic link of this name below root, unless there is something already.
func Link(p *plan.Plan, root, target, name string) {
	calls, dir := makeDirs(p, root, path.Dir(name), "")
	p.Add(plan.Op{Actor: plan.Child, What: "linking " + name + " to " + target, Step: step,
		Calls: append(calls, symlink(target, dir, path.Base(name)))})
}

func symlink(target, dir, name string) plan.Call {
	return plan.Call{Name: "symlinkat", Allow: exists, Args: []plan.Arg{plan.Str(target), at(dir), plan.Str(name)}}
}
