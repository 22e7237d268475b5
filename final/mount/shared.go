package mount

import (
	"fmt"

	"golang.org/x/sys/unix"

	"stave/final/plan"
)

// A container without a mount namespace of its own has its mounts among the host's ("If a namespace type is not specified in the namespaces array, the container MUST
// inherit the runtime namespace of that type", config-linux.md, "Namespaces"). So that they can be told from the host's, and all go at once, they are made on a
// directory that is for nothing else: [BindOn] and [Chroot] in place of [Private], [Bind] and [Pivot], and in the end [Detach].

var private = propagation{flag: unix.MS_PRIVATE, text: "MS_PRIVATE"}

// BindOn appends the operations that mount the directory dir on the empty directory on, and returns the name of the mount's descriptor. If what on is in is shared, a
// mount on it appears in every mount namespace that follows, and so would all that is mounted in that one. Hence a first mount, of the empty directory on itself, which is made private
// before there is anything in it.
func BindOn(p *plan.Plan, dir, on string) string {
	place, own, source, root := p.Name("place"), p.Name("own"), p.Name("source"), p.Name("root")
	p.Add(plan.Op{Actor: plan.Child, What: "making a private mount of " + on, Step: step,
		Why: "what is mounted on it reaches no other mount namespace (mount_namespaces(7))",
		Calls: []plan.Call{
			openDir(on, place),
			cloneAt(place, false, own),
			moveMount(own, place),
			setattr(plan.Ref(own), "", unix.AT_EMPTY_PATH, change{}, private, false),
		}})
	p.Add(plan.Op{Actor: plan.Child, What: "mounting " + dir + " on it", Step: step,
		Why: "without a mount namespace all that the container mounts is mounted on the host: at this one place, and in no way shared with the host's other mounts",
		Calls: []plan.Call{
			openDir(dir, source),
			cloneAt(source, true, root),
			setattr(plan.Ref(root), "", unix.AT_EMPTY_PATH, change{}, private, true),
			moveMount(root, own),
		}})
	return root
}

// Chroot is [Pivot] where there is no mount namespace to exchange the root of.
func Chroot(p *plan.Plan, root string) {
	p.Add(plan.Op{Actor: plan.Child, What: "changing the root directory", Step: step,
		Why: "names begin there from now on; but the host's root is still around, and with CAP_SYS_CHROOT there is a way back to it (chroot(2))",
		Calls: []plan.Call{
			{Name: "fchdir", Args: []plan.Arg{plan.Ref(root)}},
			{Name: "chroot", Args: []plan.Arg{plan.Str(".")}},
			{Name: "chdir", Args: []plan.Arg{plan.Str("/")}},
		}})
}

// Detach takes away whatever is mounted on the directory that [BindOn] has used, with all that is mounted in that. That there is nothing is no error.
//
// It is made private first: unmounting what is shared with the host's mounts would unmount it there, too (umount(2), "MNT_DETACH" and mount_namespaces(7)).
func Detach(on string) error {
	for {
		found, err := detach(on)
		if err != nil {
			return fmt.Errorf("unmounting %s: %w", on, err)
		}
		if !found {
			return nil
		}
	}
}

// detach takes away the topmost mount.
func detach(on string) (found bool, err error) {
	fd, err := unix.Open(on, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0) //nolint:forbidigo // a directory of the runtime's own, which no container makes names in
	if err == unix.ENOENT {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	err = unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &unix.MountAttr{Propagation: unix.MS_PRIVATE})
	unix.Close(fd)
	if err == unix.EINVAL || err == unix.EPERM {
		return false, nil // a directory, not a mount; or whoever may mount nothing has mounted nothing
	}
	if err != nil {
		return false, err
	}
	return true, unix.Unmount(on, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) //nolint:forbidigo // the same directory
}
