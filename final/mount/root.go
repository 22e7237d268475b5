package mount

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"stave/final/plan"
)

const step = "03-mount"

// Private appends the child's first operation on mounts: from here on nothing it mounts can reach the host.
func Private(p *plan.Plan) {
	p.Add(plan.Op{Actor: plan.Child, What: "making all mounts private", Step: step,
		Why: "a new mount namespace begins as a copy whose mounts may still pass news on to the host (mount_namespaces(7))",
		Calls: []plan.Call{{Name: "mount", Args: []plan.Arg{
			plan.Null(), plan.Str("/"), plan.Null(), plan.Sym("MS_REC|MS_PRIVATE", unix.MS_REC|unix.MS_PRIVATE), plan.Null(),
		}}}})
}

// Bind appends the operation that makes a directory a mount, which pivot_root(2) asks of a new root.
func Bind(p *plan.Plan, dir string) {
	fd := p.Name("tree")
	p.Add(plan.Op{Actor: plan.Child, What: "making a mount of " + dir, Step: step,
		Why: "pivot_root takes only a mount point as the new root; anything else is EINVAL",
		Calls: []plan.Call{
			{Name: "open_tree", Args: []plan.Arg{plan.AtCWD(), plan.Str(dir), openTreeFlags(true)}, Result: fd},
			{Name: "move_mount", Args: []plan.Arg{plan.Ref(fd), plan.Str(""), plan.AtCWD(), plan.Str(dir), plan.Sym("MOVE_MOUNT_F_EMPTY_PATH", unix.MOVE_MOUNT_F_EMPTY_PATH)}},
		}})
}

// Pivot appends the operations that exchange the root for dir and let go of the old one. pivot_root(".", ".") stacks the old root on the
// new one, from where it is detached: no directory is needed to put it (pivot_root(2), NOTES).
func Pivot(p *plan.Plan, dir string) {
	p.Add(plan.Op{Actor: plan.Child, What: "entering the new root " + dir, Step: step,
		Why: "unlike chroot there is no way back: the old root is gone from this namespace",
		Calls: []plan.Call{
			{Name: "chdir", Args: []plan.Arg{plan.Str(dir)}},
			{Name: "pivot_root", Args: []plan.Arg{plan.Str("."), plan.Str(".")}},
			{Name: "umount2", Args: []plan.Arg{plan.Str("."), plan.Sym("MNT_DETACH", unix.MNT_DETACH)}},
			{Name: "chdir", Args: []plan.Arg{plan.Str("/")}},
		}})
}

// ReadOnlyRoot appends the operation that forbids writing to the root filesystem itself, not to what is mounted in it.
func ReadOnlyRoot(p *plan.Plan) {
	p.Add(plan.Op{Actor: plan.Child, What: "making the root filesystem read-only", Step: step,
		Why: "a write fails with EROFS",
		Calls: []plan.Call{{Name: "mount_setattr", Args: []plan.Arg{
			plan.AtCWD(), plan.Str("/"), plan.Int(0), attr(unix.MOUNT_ATTR_RDONLY, 0, "MOUNT_ATTR_RDONLY", 0), plan.Int(unix.MOUNT_ATTR_SIZE_VER0),
		}}}})
}

// attr is a struct mount_attr (mount_setattr(2)).
func attr(set, clear uint64, text string, propagation uint64) plan.Arg {
	var fields []string
	if set != 0 {
		fields = append(fields, "set="+text)
	}
	if clear != 0 {
		fields = append(fields, fmt.Sprintf("clear=%#x", clear))
	}
	if propagation != 0 {
		fields = append(fields, "propagation="+propagationNames[propagation])
	}
	return plan.Bytes("{"+strings.Join(fields, ", ")+"}", plan.Words(set, clear, propagation, 0))
}

func openTreeFlags(recursive bool) plan.Arg {
	if recursive {
		return plan.Sym("OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_RECURSIVE", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	}
	return plan.Sym("OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
}

// how is a struct open_how (openat2(2)) that resolves a name as if the working directory were the root, through no magic link.
func how(flags uint64, text string, mode uint64) plan.Arg {
	return plan.Bytes("{"+text+", RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}",
		plan.Words(flags|unix.O_CLOEXEC, mode, unix.RESOLVE_IN_ROOT|unix.RESOLVE_NO_MAGICLINKS))
}

const howSize = 24 // bytes of a struct open_how
