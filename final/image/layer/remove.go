package layer

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// maxDepth bounds the descriptors open at once, and the stack. An archive can nest directories deeper than any name can
// say, by writing through symbolic links.
const maxDepth = 100

// Remove removes an unpacked layer and everything in it: as an ordinary user also what is in directories without the permission to
// write, which [os.RemoveAll] leaves. It is no error if dir doesn't exist.
func Remove(dir string) error {
	if err := removeTree(unix.AT_FDCWD, dir); err != nil && err != unix.ENOENT {
		return &os.PathError{Op: "removing", Path: dir, Err: err}
	}
	return nil
}

// removeTree removes a directory. What is deeper than maxDepth is moved up to its top and removed from there.
func removeTree(dirfd int, base string) error {
	top, err := openToEmpty(dirfd, base)
	if err != nil {
		return err
	}
	moved := 0
	for {
		before := moved
		if err := empty(top, top, 0, &moved); err != nil {
			unix.Close(top)
			return err
		}
		if moved == before {
			break
		}
	}
	unix.Close(top)
	return unix.Unlinkat(dirfd, base, unix.AT_REMOVEDIR)
}

// openToEmpty opens a directory after making sure that its owner may empty it.
func openToEmpty(dirfd int, base string) (int, error) {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Openat(dirfd, base, flags, 0)
	if err == unix.EACCES {
		// Not a symbolic link: that would have been ELOOP or ENOTDIR.
		if err := unix.Fchmodat(dirfd, base, 0o700, 0); err != nil {
			return -1, err
		}
		return unix.Openat(dirfd, base, flags, 0)
	}
	return fd, err
}

// empty removes what is in the directory fd. It is called again while moved grows.
func empty(top, fd, depth int, moved *int) error {
	names, err := readNames(fd)
	if err != nil {
		return err
	}
	writable := false
	for _, name := range names {
		err := unix.Unlinkat(fd, name, 0)
		if err == unix.EACCES && !writable {
			writable = true
			if err := unix.Fchmod(fd, 0o700); err != nil {
				return err
			}
			err = unix.Unlinkat(fd, name, 0)
		}
		if err == unix.EISDIR {
			err = emptyDirectory(top, fd, name, depth+1, moved)
		}
		if err != nil && err != unix.ENOENT {
			return fmt.Errorf("%q: %w", name, err)
		}
	}
	return nil
}

func emptyDirectory(top, dirfd int, name string, depth int, moved *int) error {
	if depth == maxDepth {
		return moveUp(top, dirfd, name, moved)
	}
	fd, err := openToEmpty(dirfd, name)
	if err != nil {
		return err
	}
	err = empty(top, fd, depth, moved)
	unix.Close(fd)
	if err != nil {
		return err
	}
	return unix.Unlinkat(dirfd, name, unix.AT_REMOVEDIR)
}

func moveUp(top, dirfd int, name string, moved *int) error {
	// A directory gets a new "..", so it must be writable itself.
	if err := unix.Fchmodat(dirfd, name, 0o700, 0); err != nil {
		return err
	}
	for {
		*moved++
		err := unix.Renameat2(dirfd, name, top, ".deep-"+strconv.Itoa(*moved), unix.RENAME_NOREPLACE)
		if err != unix.EEXIST { // a name the archive uses as well
			return err
		}
	}
}

// readNames lists a directory from its beginning. It does not open it again, which might be forbidden.
func readNames(fd int) ([]string, error) {
	if _, err := unix.Seek(fd, 0, unix.SEEK_SET); err != nil {
		return nil, err
	}
	same, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(same), "directory")
	defer f.Close()
	return f.Readdirnames(-1)
}
