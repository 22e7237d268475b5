package script

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// commandStderr is where a person who typed go test sees it. The go command hides all that the tests of a passing package
// print, so the number of skips goes to that command's own standard error instead; to ours, where there is none.
func commandStderr() io.WriteCloser {
	parent := os.Getppid()
	if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", parent)); err == nil && filepath.Base(exe) == "go" {
		if f := borrowStderr(parent); f != nil {
			return f
		}
	}
	return unclosed{os.Stderr}
}

// borrowStderr opens the standard error of a process of ours, or returns nil.
func borrowStderr(pid int) *os.File {
	const stderr = 2
	if pidfd, err := unix.PidfdOpen(pid, 0); err == nil {
		defer unix.Close(pidfd)
		if fd, err := unix.PidfdGetfd(pidfd, stderr, 0); err == nil {
			return os.NewFile(uintptr(fd), "stderr of go")
		}
	}
	// Yama (ptrace_scope, see Documentation/admin-guide/LSM/Yama.rst) forbids the above on many machines. Opening by name
	// is as good, except for a file: that would be written from another offset than the go command's, over its lines.
	name := fmt.Sprintf("/proc/%d/fd/%d", pid, stderr)
	if info, err := os.Stat(name); err != nil || info.Mode().IsRegular() {
		return nil
	}
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return nil
	}
	return f
}

type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }
