package mount

import (
	"golang.org/x/sys/unix"

	"stave/final/plan"
)

// Hidden are the paths a container must not see or not write, and the mounts that will cover them.
type Hidden struct {
	masked   []masked
	readOnly []string
}

// A masked path is covered by null if it is a file and by empty if it is a directory; these are names of descriptors in the plan.
type masked struct{ path, null, empty string }

// GatherHidden appends the operations of the first half: one empty filesystem, and a copy of it and of the host's /dev/null for each masked path. Taken
// from the host, because a container's own /dev/null could have been replaced by something that shows what it should cover
// (CVE-2025-31133). It comes after [Gather].
func GatherHidden(p *plan.Plan, maskedPaths, readOnly []string) *Hidden {
	h := &Hidden{readOnly: readOnly}
	if len(maskedPaths) == 0 {
		return h
	}
	op := plan.Op{Actor: plan.Child, What: "preparing what hides paths", Step: step,
		Why: "an empty directory and a null device; the old /proc serves to hold the first, for it goes away with the old root",
		Calls: []plan.Call{{Name: "mount", Args: []plan.Arg{plan.Str("tmpfs"), plan.Str("/proc"), plan.Str("tmpfs"),
			plan.Sym("MS_RDONLY|MS_NOSUID|MS_NODEV|MS_NOEXEC", unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC), plan.Str("mode=755")}}}}
	for _, path := range maskedPaths {
		m := masked{path: path, null: p.Name("null"), empty: p.Name("empty")}
		op.Calls = append(op.Calls,
			plan.Call{Name: "open_tree", Args: []plan.Arg{plan.AtCWD(), plan.Str("/dev/null"), openTreeFlags(false)}, Result: m.null},
			plan.Call{Name: "open_tree", Args: []plan.Arg{plan.AtCWD(), plan.Str("/proc"), openTreeFlags(false)}, Result: m.empty})
		h.masked = append(h.masked, m)
	}
	p.Add(op)
	return h
}

// absent is how a path that isn't there fails, which then needs no hiding.
var absent = []unix.Errno{unix.ENOENT, unix.ENOTDIR, unix.EACCES}

// Attach appends the operations of the second half, after everything else is mounted. Whether a path is a directory shows when it is opened as
// one. Covering a directory with the null device fails with EINVAL (or ENOTDIR) and is then needless.
func (h *Hidden) Attach(p *plan.Plan) {
	for _, m := range h.masked {
		dir, file := p.Name("dir"), p.Name("file")
		p.Add(plan.Op{Actor: plan.Child, What: "hiding " + m.path, Step: step, Why: "it tells of the whole machine, not of the container", Calls: []plan.Call{
			open(m.path, unix.O_PATH|unix.O_DIRECTORY, "O_PATH|O_DIRECTORY|O_CLOEXEC", dir),
			open(m.path, unix.O_PATH, "O_PATH|O_CLOEXEC", file),
			moveMount(m.empty, dir),
			moveMount(m.null, file, unix.EINVAL, unix.ENOTDIR),
		}})
	}
	for _, path := range h.readOnly {
		place, tree := p.Name("place"), p.Name("tree")
		p.Add(plan.Op{Actor: plan.Child, What: "making " + path + " read-only", Step: step, Why: "reading it is harmless, writing changes the machine", Calls: []plan.Call{
			open(path, unix.O_PATH, "O_PATH|O_CLOEXEC", place),
			{Name: "open_tree", Result: tree, Args: []plan.Arg{plan.Ref(place), plan.Str(""),
				plan.Sym("OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_EMPTY_PATH|AT_RECURSIVE", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH|unix.AT_RECURSIVE)}},
			{Name: "mount_setattr", Args: []plan.Arg{plan.Ref(tree), plan.Str(""), plan.Sym("AT_EMPTY_PATH|AT_RECURSIVE", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE),
				attr(unix.MOUNT_ATTR_RDONLY, 0, "MOUNT_ATTR_RDONLY", 0), plan.Int(unix.MOUNT_ATTR_SIZE_VER0)}},
			moveMount(tree, place),
		}})
	}
}

// open finds a path of the container that may be absent.
func open(path string, flags uint64, text, result string) plan.Call {
	return plan.Call{Name: "openat2", Args: []plan.Arg{plan.AtCWD(), plan.Str(path), how(flags, text, 0), plan.Int(howSize)}, Result: result, Allow: absent}
}
