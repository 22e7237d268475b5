package layer

import (
	"archive/tar"
	"fmt"
	"math"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// attributes finishes an entry that was not opened. Nobody else writes here, so what was just made under this name is
// still what it means.
func (u *unpacker) attributes(dirfd int, base string, h *tar.Header) error {
	if err := u.chown(dirfd, base, h); err != nil {
		return err
	}
	if h.Typeflag != tar.TypeSymlink { // whose mode means nothing, and chmod(2) would follow it
		if err := unix.Fchmodat(dirfd, base, mode(h), 0); err != nil {
			return err
		}
	}
	return unix.UtimesNanoAt(dirfd, base, times(h), unix.AT_SYMLINK_NOFOLLOW)
}

func (u *unpacker) chown(dirfd int, base string, h *tar.Header) error {
	// The largest uint32 is -1, "leave it as it is".
	if h.Uid < 0 || int64(h.Uid) >= math.MaxUint32 || h.Gid < 0 || int64(h.Gid) >= math.MaxUint32 {
		return fmt.Errorf("%w: owner %d:%d", ErrUnsafe, h.Uid, h.Gid)
	}
	if u.kind == Single {
		return nil
	}
	err := unix.Fchownat(dirfd, base, h.Uid, h.Gid, unix.AT_SYMLINK_NOFOLLOW)
	if err == unix.EINVAL && u.kind == Mapped {
		return fmt.Errorf("owner %d:%d has no id in this user namespace: add to the user's range in /etc/subuid and /etc/subgid: %w", h.Uid, h.Gid, err)
	}
	return err
}

// xattrRecord is how archives of GNU tar, Go and others carry extended attributes, in PAX records.
const xattrRecord = "SCHILY.xattr."

// kept are the extended attributes that mean something in any container: users' own and file capabilities. Others
// belong to the machine that built the image (SELinux labels), and overlayfs's would let an archive forge its state.
func kept(name string) bool {
	if name == "security.capability" {
		return true
	}
	return strings.HasPrefix(name, "user.") && !strings.HasPrefix(name, "user.overlay.")
}

func (u *unpacker) xattrs(fd int, h *tar.Header) error {
	for key, value := range h.PAXRecords {
		name, ok := strings.CutPrefix(key, xattrRecord)
		if !ok || !kept(name) || u.kind == Single && name == "security.capability" {
			continue
		}
		err := unix.Fsetxattr(fd, name, []byte(value), 0)
		if err == unix.EOPNOTSUPP && name != "security.capability" {
			continue // tmpfs before Linux 6.6
		}
		if err != nil {
			return fmt.Errorf("setting %s: %w", name, err)
		}
	}
	return nil
}

// mode is permissions with setuid, setgid and sticky bits; see inode(7).
func mode(h *tar.Header) uint32 { return uint32(h.Mode) & 0o7777 }

func times(h *tar.Header) []unix.Timespec {
	at := func(t time.Time) unix.Timespec { return unix.Timespec{Sec: t.Unix(), Nsec: int64(t.Nanosecond())} }
	access := h.AccessTime
	if access.IsZero() {
		access = h.ModTime
	}
	return []unix.Timespec{at(access), at(h.ModTime)}
}

// IsOpaque says whether an unpacked layer hides everything below it. Overlayfs does not look for this mark at a layer's
// root, so whoever mounts the layer has to.
func IsOpaque(dir string, kind Kind) bool {
	var value [1]byte
	n, err := unix.Lgetxattr(dir, kind.xattr()+"opaque", value[:])
	return err == nil && n == 1 && value[0] == 'y'
}
