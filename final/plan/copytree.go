package plan

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// copyTree copies what is below one directory into another: files, directories, links, devices, with their modes, owners, times and extended attributes. Both
// descriptors may be O_PATH ones. No link is followed: a name that turns into one meanwhile is an error.
func copyTree(from, to int) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the identity it takes on
		c := copier{to: to, seen: map[[2]uint64]string{}}
		err := become(to)
		if err == nil {
			err = c.directory(from, to, "")
		}
		done <- err
	}()
	return <-done
}

// become makes the thread whoever owns a directory, as far as files are concerned, and keeps its capabilities. A filesystem of a user namespace takes nothing from somebody
// who has no id in there, be it root (EOVERFLOW).
func become(dir int) error {
	var st unix.Stat_t
	if err := unix.Fstat(dir, &st); err != nil {
		return fmt.Errorf("looking at the copy: %w", err)
	}
	if int(st.Uid) == unix.Geteuid() && int(st.Gid) == unix.Getegid() {
		return nil
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	err := unix.Capget(&header, &sets[0])
	// Package unix would change every thread's. These two calls report no errors (setfsuid(2)).
	unix.RawSyscall(unix.SYS_SETFSGID, uintptr(st.Gid), 0, 0)
	unix.RawSyscall(unix.SYS_SETFSUID, uintptr(st.Uid), 0, 0)
	if err == nil {
		err = unix.Capset(&header, &sets[0]) //nolint:forbidigo // what this thread alone keeps ends with it
	}
	if err != nil {
		return fmt.Errorf("becoming the owner of the copy: %w", err)
	}
	return nil
}

// A copier remembers where a file with several names is copied to.
type copier struct {
	to   int
	seen map[[2]uint64]string
}

// beneath opens one name in a directory.
func beneath(dir int, name string, flags int, mode uint32) (int, error) {
	return unix.Openat2(dir, name, &unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC | unix.O_NOFOLLOW), Mode: uint64(mode),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS})
}

// directory copies what is in a directory, whose name below the top is given for messages and for further names of a file.
func (c *copier) directory(from, to int, name string) error {
	fd, err := beneath(from, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return fmt.Errorf("opening %q: %w", name, err)
	}
	d := os.NewFile(uintptr(fd), name)
	defer d.Close()
	entries, err := d.ReadDir(-1)
	if err != nil {
		return fmt.Errorf("reading %q: %w", name, err)
	}
	for _, e := range entries {
		if err := c.entry(fd, to, e.Name(), name+"/"+e.Name()); err != nil {
			return err
		}
	}
	return nil
}

func (c *copier) entry(from, to int, base, name string) error {
	source, err := beneath(from, base, unix.O_PATH, 0)
	if err != nil {
		return fmt.Errorf("opening %q: %w", name, err)
	}
	defer unix.Close(source)
	var st unix.Stat_t
	if err := unix.Fstat(source, &st); err != nil {
		return fmt.Errorf("looking at %q: %w", name, err)
	}
	kind := st.Mode & unix.S_IFMT
	if kind != unix.S_IFDIR && st.Nlink > 1 {
		key := [2]uint64{st.Dev, st.Ino}
		if old, ok := c.seen[key]; ok {
			if err := unix.Linkat(c.to, old, to, base, 0); err != nil {
				return fmt.Errorf("linking %q to %q: %w", name, old, err)
			}
			return nil
		}
		c.seen[key] = strings.TrimPrefix(name, "/")
	}
	if err := c.fill(from, source, to, base, name, &st); err != nil {
		return fmt.Errorf("copying %q: %w", name, err)
	}
	return nil
}

// fill makes the copy. Owner, mode and time come last, for each step before changes one of them.
func (c *copier) fill(from, source, to int, base, name string, st *unix.Stat_t) (err error) {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		if err = unix.Mkdirat(to, base, 0o700); err != nil {
			return err
		}
		made, err := beneath(to, base, unix.O_PATH|unix.O_DIRECTORY, 0)
		if err != nil {
			return err
		}
		defer unix.Close(made)
		if err := c.directory(source, made, name); err != nil {
			return err
		}
	case unix.S_IFREG:
		err = copyFile(from, to, base)
	case unix.S_IFLNK:
		target := make([]byte, unix.PathMax)
		var n int
		if n, err = unix.Readlinkat(source, "", target); err == nil {
			err = unix.Symlinkat(string(target[:n]), to, base)
		}
	default:
		err = unix.Mknodat(to, base, st.Mode&unix.S_IFMT|0o600, int(st.Rdev))
	}
	if err != nil {
		return err
	}
	return copyMetadata(source, to, base, st)
}

func copyFile(from, to int, base string) error {
	in, err := beneath(from, base, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	r := os.NewFile(uintptr(in), base)
	defer r.Close()
	out, err := beneath(to, base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	w := os.NewFile(uintptr(out), base)
	_, err = io.Copy(w, r)
	return errors.Join(err, w.Close())
}

func copyMetadata(source, to int, base string, st *unix.Stat_t) error {
	if err := unix.Fchownat(to, base, int(st.Uid), int(st.Gid), unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	made, err := beneath(to, base, unix.O_PATH, 0)
	if err != nil {
		return err
	}
	defer unix.Close(made)
	if st.Mode&unix.S_IFMT != unix.S_IFLNK {
		// Through proc, because an O_PATH descriptor isn't enough for these calls: the link leads to the very file that was opened.
		if err := copyXattrs(fmt.Sprintf("/proc/self/fd/%d", source), fmt.Sprintf("/proc/self/fd/%d", made)); err != nil {
			return err
		}
		if err := unix.Fchmodat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", made), st.Mode&0o7777, 0); err != nil {
			return err
		}
	}
	return unix.UtimesNanoAt(to, base, []unix.Timespec{st.Atim, st.Mtim}, unix.AT_SYMLINK_NOFOLLOW)
}

// copyXattrs copies what the other filesystem has room for: a tmpfs takes user.* only since Linux 6.6.
func copyXattrs(there, here string) error {
	names := make([]byte, 64<<10) // XATTR_LIST_MAX
	n, err := unix.Listxattr(there, names)
	if err == unix.ENOTSUP {
		return nil
	}
	if err != nil {
		return err
	}
	value := make([]byte, 64<<10) // XATTR_SIZE_MAX
	for name := range strings.SplitSeq(strings.TrimRight(string(names[:n]), "\x00"), "\x00") {
		if name == "" {
			continue
		}
		n, err := unix.Getxattr(there, name, value)
		if err == nil {
			err = unix.Setxattr(here, name, value[:n], 0)
		}
		if err != nil && err != unix.ENOTSUP {
			return fmt.Errorf("the attribute %s: %w", name, err)
		}
	}
	return nil
}
