// Package chroot runs a command with another root directory. It is no isolation: see chroot(2), and the chapter on
// mounts for why a container pivots instead.
//
// Synopsis:
//
//	chroot ROOT [COMMAND [ARG…]]
//
// Without a command it is sh.
package chroot

import (
	"os"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmdline"
	"stave/toolbox/launch"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("chroot ROOT [COMMAND [ARG…]]").OperandsFirst()
	if status, ok := line.Read(args); !ok {
		return status
	}
	if line.NArg() == 0 {
		return line.Misuse("which directory?")
	}
	root, command := line.Arg(0), line.Args()[1:]
	if len(command) == 0 {
		command = []string{"sh"}
	}
	if err := unix.Chroot(root); err != nil {
		return line.Fail(&os.PathError{Op: "chroot", Path: root, Err: err})
	}
	if err := unix.Chdir("/"); err != nil { // or the old root stays in reach as the working directory
		return line.Failf("changing to the new root: %w", err)
	}
	return launch.Exec(line, command)
}
