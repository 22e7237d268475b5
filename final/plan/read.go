package plan

import (
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"
)

// ReadFile is [os.ReadFile] for small files of the kernel's and of our own, of which a runtime reads a dozen before it does anything. It takes four system calls, where package os
// takes ten: that first finds out whether the file is one of those that can be waited for.
func ReadFile(name string) ([]byte, error) {
	failed := func(op string, err error) ([]byte, error) { return nil, &fs.PathError{Op: op, Path: name, Err: err} }
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return failed("open", err)
	}
	defer unix.Close(fd)
	b := make([]byte, 0, 1024)
	for {
		n, err := unix.Read(fd, b[len(b):cap(b)])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return failed("read", err)
		case n == 0:
			return b, nil
		}
		b = slices.Grow(b[:len(b)+n], 1)
	}
}
