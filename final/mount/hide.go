package mount

import (
	"golang.org/x/sys/unix"

	"stave/final/plan"
)

// absent is how a path that isn't there fails, which then needs no hiding.
var absent = []unix.Errno{unix.ENOENT, unix.ENOTDIR, unix.EACCES}

// Hide appends the operations that cover the masked paths below root and make others read-only. It comes after everything else is mounted and
// before [Pivot]: a file is covered by the host's /dev/null, because a container's own could have been replaced by something
// that shows what it should cover (CVE-2025-31133); a directory by an empty filesystem.
func (s *Set) Hide(p *plan.Plan, root string, masked, readOnly []string) {
	for _, path := range masked {
		s.mask(p, root, path)
	}
	for _, path := range readOnly {
		place, tree := p.Name("place"), p.Name("tree")
		calls := []plan.Call{
			openIn(root, path, unix.O_PATH, "O_PATH", place),
			cloneAt(place, true, tree),
			setattr(plan.Ref(tree), "", unix.AT_EMPTY_PATH, change{set: unix.MOUNT_ATTR_RDONLY}, propagation{}, true),
			moveMount(tree, place),
		}
		calls[0].Allow = absent
		p.Add(plan.Op{Actor: plan.Child, What: "making " + path + " read-only", Step: step, Why: "reading it is harmless, writing changes the machine", Calls: calls})
	}
}

func (s *Set) mask(p *plan.Plan, root, path string) {
	dir, fs, empty, file, null := p.Name("dir"), p.Name("fs"), p.Name("empty"), p.Name("file"), p.Name("null")
	calls := []plan.Call{
		openIn(root, path, unix.O_PATH|unix.O_DIRECTORY, "O_PATH|O_DIRECTORY", dir),
		{Name: "fsopen", Args: []plan.Arg{plan.Str("tmpfs"), plan.Sym("FSOPEN_CLOEXEC", unix.FSOPEN_CLOEXEC)}, Result: fs, If: dir},
	}
	if s.options.Label != "" {
		calls = append(calls, setOption(fs, "context="+s.options.Label)) // or it couldn't be seen to be empty
	}
	calls = append(calls,
		plan.Call{Name: "fsconfig", Args: []plan.Arg{plan.Ref(fs), plan.Sym("FSCONFIG_CMD_CREATE", unix.FSCONFIG_CMD_CREATE), plan.Null(), plan.Null(), plan.Int(0)}},
		plan.Call{Name: "fsmount", Args: []plan.Arg{plan.Ref(fs), plan.Sym("FSMOUNT_CLOEXEC", unix.FSMOUNT_CLOEXEC), plan.Sym(symbols(locked), locked)}, Result: empty},
		moveMount(empty, dir))
	calls[0].Allow = absent
	look := openIn(root, path, unix.O_PATH, "O_PATH", file)
	look.Allow, look.Unless = absent, dir
	source := cloneTree("/dev/null", false, null)
	source.If = file
	calls = append(calls, look, source,
		// Read-only, or root inside could change the mode of the host's device by this name. What is written to it vanishes all the same.
		// Private, or what was mounted over it inside would be over the host's.
		setattr(plan.Ref(null), "", unix.AT_EMPTY_PATH, change{set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC}, private, false),
		moveMount(null, file))
	p.Add(plan.Op{Actor: plan.Child, What: "hiding " + path, Step: step, Why: "it tells of the whole machine, not of the container", Calls: calls})
}

// locked are the attributes of the empty filesystem.
const locked = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC
