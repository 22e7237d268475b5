// Package launch starts the command that another command was given: env, chroot, timeout, unshare, xargs. All report a
// failure to do so with the shell's exit statuses.
package launch

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmdline"
)

// Exit statuses for a command that could not be started; see "Exit Status" in POSIX, Shell Command Language, 2.8.2.
const (
	NotExecutable = 126
	NotFound      = 127
)

// Exec turns this process into the command and only returns, with the exit status, if that can't be done.
func Exec(line *cmdline.Line, args []string) int {
	path, err := lookPath(args[0])
	if err == nil {
		err = unix.Exec(path, args, os.Environ())
	}
	return Refused(line, args[0], err)
}

// lookPath finds a command in PATH, and without a PATH where execvp(3) would look.
func lookPath(name string) (string, error) {
	if _, ok := os.LookupEnv("PATH"); !ok && !strings.Contains(name, "/") {
		for _, dir := range []string{"/bin/", "/usr/bin/"} {
			if path, err := exec.LookPath(dir + name); err == nil {
				return path, nil
			}
		}
	}
	return exec.LookPath(name)
}

// Refused says why a command could not be started and returns the exit status for it.
func Refused(line *cmdline.Line, name string, err error) int {
	var lookup *exec.Error
	if errors.As(err, &lookup) {
		err = lookup.Err
	}
	line.Failf("%s: %w", name, err)
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return NotFound
	}
	return NotExecutable
}

// Status is the exit status of a command that ended: its own, or 128 and the number of the signal that ended it.
func Status(state *os.ProcessState) int {
	if wait, ok := state.Sys().(syscall.WaitStatus); ok && wait.Signaled() {
		return 128 + int(wait.Signal())
	}
	return state.ExitCode()
}
