package doctor

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

func mounts(f *Facts) Finding {
	t := f.Trials
	covered := []Fix{}
	switch f.Container {
	case "docker":
		covered = []Fix{{"start the container with:", "docker run --security-opt systempaths=unconfined …"}}
	case "podman":
		covered = []Fix{{"start the container with:", "podman run --security-opt unmask=ALL …"}}
	}
	switch {
	case t.Clone != 0 || !f.direct() && t.Hostname != 0:
		return Finding{} // not tried, or refused for a cause that has its own line
	case t.Private != 0:
		return Finding{"mounts", Missing, refused("making mounts private", t.Private), refuser(f), outside(f), mountSteps}
	case t.Tmpfs != 0:
		return Finding{"mounts", Missing, refused("mounting a tmpfs", t.Tmpfs), refuser(f), outside(f), mountSteps}
	case t.Proc != 0:
		return Finding{
			"mounts", Missing, refused("mounting proc", t.Proc),
			"In a user namespace the kernel mounts no new proc where parts of the old one are covered, as containers have them.",
			slices.Concat(covered, outside(f)), mountSteps,
		}
	default:
		return Finding{Name: "mounts", Found: "tmpfs and proc can be mounted"}
	}
}

// filesystems are those worth a word, by magic number; statfs(2). Layers can't be written to those that lack whiteouts, or the
// extended attributes that overlayfs sets.
var filesystems = map[int64]struct{ name, trouble string }{
	unix.EXT4_SUPER_MAGIC:      {name: "ext4"},
	unix.XFS_SUPER_MAGIC:       {name: "xfs"},
	unix.BTRFS_SUPER_MAGIC:     {name: "btrfs"},
	unix.TMPFS_MAGIC:           {"tmpfs", "Without root, overlayfs can write to a tmpfs since Linux 6.6."},
	unix.OVERLAYFS_SUPER_MAGIC: {"overlayfs", "An overlay can't be written to another overlay, which is what a container's own files are on."},
	unix.NFS_SUPER_MAGIC:       {"NFS", "Overlayfs can't write to a network's filesystem."},
	unix.V9FS_MAGIC:            {"9p", "Overlayfs can't write to files shared by another system, such as the drives of Windows."},
	unix.FUSE_SUPER_MAGIC:      {"FUSE", "Overlayfs can't write to this kind of filesystem."},
	unix.MSDOS_SUPER_MAGIC:     {"FAT", "Overlayfs can't write to this kind of filesystem."},
	unix.ECRYPTFS_SUPER_MAGIC:  {"eCryptfs", "Overlayfs can't write to this kind of filesystem."},
}

const enoughBytes = 500 << 20 // for the toolbox, an image or two, and what containers write

func overlay(f *Facts, d Dir) Finding {
	fs, known := filesystems[d.FSType]
	if !known {
		fs.name = fmt.Sprintf("filesystem %#x", d.FSType)
	}
	if fs.trouble == "" {
		fs.trouble = refuser(f)
	}
	on := "on " + d.Path + " (" + fs.name + ")"
	free := fmt.Sprintf(", %.1f GB free", float64(d.Free)/1e9)
	elsewhere := []Fix{{Text: "choose a directory on ext4, xfs or btrfs: stave --root DIR for images, TMPDIR=DIR for temporary files"}}
	switch {
	case d.Create != 0:
		return Finding{"overlay", Missing, refused("making a directory in "+d.Path, d.Create), "Layers are kept there.", elsewhere, overlaySteps}
	case !d.Tried:
		return Finding{} // for a cause that has its own line
	case d.Overlay == unix.ENODEV:
		return Finding{
			"overlay", Missing, "this kernel has no overlayfs", "It puts the layers of an image on each other.",
			[]Fix{{"load it:", "sudo modprobe overlay"}, otherKernel}, overlaySteps,
		}
	case d.Overlay == unix.EPERM && (!f.direct() || f.InUserNS):
		return Finding{"overlay", Missing, refused(on, d.Overlay), "Without root, overlayfs takes Linux 5.11.", []Fix{otherKernel}, overlaySteps}
	case d.Overlay != 0:
		return Finding{"overlay", Missing, refused(on, d.Overlay), fs.trouble, elsewhere, overlaySteps}
	case d.NoExec:
		return Finding{"overlay", Limited, on + ", mounted noexec", "No program below it can be started, so it can't hold a root filesystem.", elsewhere, mountSteps}
	case d.Free < enoughBytes:
		return Finding{"overlay", Limited, on + free, "Images may not fit.", elsewhere, overlaySteps}
	default:
		return Finding{Name: "overlay", Found: on + free}
	}
}
