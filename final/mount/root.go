package mount

import (
	"fmt"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"stave/final/plan"
)

const step = "03-mount"

// Private appends the child's operation after which nothing it mounts can reach the host. rootfs is linux.rootfsPropagation; if it is slave or
// shared, the container's root goes on to hear of what is mounted on the host (config-linux.md, "Rootfs Mount Propagation"). It comes after [Gather].
func Private(p *plan.Plan, rootfs string) error {
	op := plan.Op{Actor: plan.Child, What: "making all mounts private", Step: step,
		Why: "a new mount namespace begins as a copy whose mounts may still pass news on to the host (mount_namespaces(7))"}
	flags := plan.Sym("MS_REC|MS_PRIVATE", unix.MS_REC|unix.MS_PRIVATE)
	to, ok := parsePropagation(rootfs)
	switch {
	case !ok && rootfs != "":
		return fmt.Errorf("linux.rootfsPropagation: %q is none of shared, slave, private and unbindable", rootfs)
	case to.flag == unix.MS_SLAVE || to.flag == unix.MS_SHARED:
		op.What, flags = "making all mounts followers of the host's", plan.Sym("MS_REC|MS_SLAVE", unix.MS_REC|unix.MS_SLAVE)
	}
	op.Calls = []plan.Call{{Name: "mount", Args: []plan.Arg{plan.Null(), plan.Str("/"), plan.Null(), flags, plan.Null()}}}
	p.Add(op)
	return nil
}

// Bind appends the operation that makes a directory a mount, which pivot_root(2) asks of a new root, and returns the name of its descriptor.
func Bind(p *plan.Plan, dir string) string {
	place, root := p.Name("place"), p.Name("root")
	p.Add(plan.Op{Actor: plan.Child, What: "making a mount of " + dir, Step: step,
		Why: "pivot_root takes only a mount point as the new root; anything else is EINVAL",
		Calls: []plan.Call{
			openDir(dir, place),
			cloneAt(place, true, root),
			moveMount(root, place),
		}})
	return root
}

// Open appends the operation that opens a root which is a mount already, and returns the name of its descriptor.
func Open(p *plan.Plan, dir string) string {
	root := p.Name("root")
	p.Add(plan.Op{Actor: plan.Child, What: "opening the new root " + dir, Step: step,
		Why: "from here on every name in it is looked up as if it were the root already", Calls: []plan.Call{openDir(dir, root)}})
	return root
}

func openDir(dir, result string) plan.Call {
	return plan.Call{Name: "openat", Result: result, Args: []plan.Arg{plan.AtCWD(), plan.Str(dir),
		plan.Sym("O_PATH|O_DIRECTORY|O_CLOEXEC", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC)}}
}

// Pivot appends the operations that exchange the root for a new one and let go of the old one. pivot_root(".", ".") stacks the old root on the
// new one, from where it is detached: no directory is needed to put it (pivot_root(2), NOTES).
func Pivot(p *plan.Plan, root string) {
	p.Add(plan.Op{Actor: plan.Child, What: "entering the new root", Step: step,
		Why: "unlike chroot there is no way back: the old root is gone from this namespace",
		Calls: []plan.Call{
			{Name: "fchdir", Args: []plan.Arg{plan.Ref(root)}},
			{Name: "pivot_root", Args: []plan.Arg{plan.Str("."), plan.Str(".")}},
			{Name: "umount2", Args: []plan.Arg{plan.Str("."), plan.Sym("MNT_DETACH", unix.MNT_DETACH)}},
			{Name: "chdir", Args: []plan.Arg{plan.Str("/")}},
		}})
}

// Move is [Pivot] for a host whose root can't be exchanged, because it is the initramfs. The new root is put over the old one, which stays beneath. So the
// host's proc and sysfs are taken away first: whoever got down there would find them without what is masked.
func Move(p *plan.Plan, root string) {
	gone := []unix.Errno{unix.EINVAL, unix.ENOENT, unix.EPERM}
	detach := plan.Sym("MNT_DETACH", unix.MNT_DETACH)
	p.Add(plan.Op{Actor: plan.Child, What: "covering the old root with the new one", Step: step,
		Why: "pivot_root(2) doesn't take an initramfs for the old root",
		Calls: []plan.Call{
			{Name: "umount2", Args: []plan.Arg{plan.Str("/proc"), detach}, Allow: gone},
			{Name: "umount2", Args: []plan.Arg{plan.Str("/sys"), detach}, Allow: gone},
			{Name: "fchdir", Args: []plan.Arg{plan.Ref(root)}},
			{Name: "mount", Args: []plan.Arg{plan.Str("."), plan.Str("/"), plan.Null(), plan.Sym("MS_MOVE", unix.MS_MOVE), plan.Null()}},
			{Name: "chroot", Args: []plan.Arg{plan.Str(".")}},
			{Name: "chdir", Args: []plan.Arg{plan.Str("/")}},
		}})
}

// ReadOnlyRoot appends the operation that forbids writing to the root filesystem itself, not to what is mounted in it. It comes after [Pivot].
func ReadOnlyRoot(p *plan.Plan) {
	p.Add(plan.Op{Actor: plan.Child, What: "making the root filesystem read-only", Step: step, Why: "a write fails with EROFS",
		Calls: []plan.Call{setattr(plan.AtCWD(), "/", 0, change{set: unix.MOUNT_ATTR_RDONLY}, propagation{}, false)}})
}

// RootPropagation appends the operation that gives the root the propagation a configuration asks for, where that isn't what it has from [Private]. It
// comes after [Pivot], which takes no shared root.
func RootPropagation(p *plan.Plan, rootfs string) {
	to, _ := parsePropagation(rootfs)
	if to.flag != unix.MS_SHARED && to.flag != unix.MS_UNBINDABLE {
		return
	}
	p.Add(plan.Op{Actor: plan.Child, What: "making the root " + rootfs, Step: step,
		Calls: []plan.Call{setattr(plan.AtCWD(), "/", 0, change{}, to, to.recursive)}})
}

// WorkingDir appends the operation that goes to a directory, making it if it isn't there, as Docker does. It comes after [Pivot].
func WorkingDir(p *plan.Plan, dir string) error {
	if !path.IsAbs(dir) {
		return fmt.Errorf("process.cwd %q is not an absolute path", dir)
	}
	calls, last := makeDirs(p, "", path.Clean(dir), "")
	if last == "" {
		calls = []plan.Call{{Name: "chdir", Args: []plan.Arg{plan.Str("/")}}}
	} else {
		// O_PATH is enough for fchdir(2) and asks for no permission to read.
		calls = append(calls, plan.Call{Name: "fchdir", Args: []plan.Arg{plan.Ref(last)}})
	}
	p.Add(plan.Op{Actor: plan.Child, What: "going to " + path.Clean(dir), Step: step, Calls: calls})
	return nil
}

// EnterDir appends the operation that goes to a directory of a container that the child has joined. It must be there.
func EnterDir(p *plan.Plan, dir string) error {
	if !path.IsAbs(dir) {
		return fmt.Errorf("process.cwd %q is not an absolute path", dir)
	}
	fd := p.Name("dir")
	p.Add(plan.Op{Actor: plan.Child, What: "going to " + dir, Step: step, Why: "resolved with the container's root as the top, through no magic link (CVE-2024-21626)", Calls: []plan.Call{
		{Name: "chdir", Args: []plan.Arg{plan.Str("/")}},
		openIn("", dir, unix.O_PATH|unix.O_DIRECTORY, "O_PATH|O_DIRECTORY", fd),
		{Name: "fchdir", Args: []plan.Arg{plan.Ref(fd)}},
	}})
	return nil
}

// setattr is mount_setattr(2).
func setattr(dir plan.Arg, name string, at int, c change, to propagation, recursive bool) plan.Call {
	var flags, fields []string
	if at&unix.AT_EMPTY_PATH != 0 {
		flags = append(flags, "AT_EMPTY_PATH")
	}
	if recursive {
		flags, at = append(flags, "AT_RECURSIVE"), at|unix.AT_RECURSIVE
	}
	if c.set != 0 {
		fields = append(fields, "set="+symbols(c.set))
	}
	if c.clear != 0 {
		fields = append(fields, "clear="+symbols(c.clear))
	}
	if to.flag != 0 {
		fields = append(fields, "propagation="+to.text)
	}
	if at == 0 {
		flags = []string{"0"}
	}
	attr := plan.Bytes("{"+strings.Join(fields, ", ")+"}", plan.Words(c.set, c.clear, to.flag, 0)) // struct mount_attr
	return plan.Call{Name: "mount_setattr", Args: []plan.Arg{dir, plan.Str(name), plan.Sym(strings.Join(flags, "|"), at), attr, attr.Size()}}
}

// cloneTree makes a new mount of what is at a path of the host, attached nowhere (open_tree(2)).
func cloneTree(name string, recursive bool, result string) plan.Call {
	return clone(plan.AtCWD(), name, 0, "", recursive, result)
}

// cloneAt does that for what a descriptor refers to.
func cloneAt(fd string, recursive bool, result string) plan.Call {
	return clone(plan.Ref(fd), "", unix.AT_EMPTY_PATH, "|AT_EMPTY_PATH", recursive, result)
}

func clone(dir plan.Arg, name string, at int, text string, recursive bool, result string) plan.Call {
	if recursive {
		at, text = at|unix.AT_RECURSIVE, text+"|AT_RECURSIVE"
	}
	flags := plan.Sym("OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC"+text, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|at)
	return plan.Call{Name: "open_tree", Args: []plan.Arg{dir, plan.Str(name), flags}, Result: result}
}
