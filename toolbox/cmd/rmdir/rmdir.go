// Package rmdir removes empty directories.
//
// Synopsis:
//
//	rmdir [-p] DIRECTORY…
//
// Options:
//
//	-p  then its parents, as far as they are named
package rmdir

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmdline"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("rmdir [-p] DIRECTORY…")
	parents := line.BoolP("parents", "p", false, "then its parents, as far as they are named")
	if status, ok := line.Read(args); !ok {
		return status
	}
	if line.NArg() == 0 {
		return line.Misuse("which directory?")
	}
	status := cmdline.Success
	for _, dir := range line.Args() {
		for dir = filepath.Clean(dir); ; dir = filepath.Dir(dir) {
			if err := unix.Rmdir(dir); err != nil {
				status = line.Fail(&os.PathError{Op: "rmdir", Path: dir, Err: err})
				break
			}
			if parent := filepath.Dir(dir); !*parents || parent == "." || parent == "/" {
				break
			}
		}
	}
	return status
}
