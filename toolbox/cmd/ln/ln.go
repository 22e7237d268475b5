// Package ln gives a file a second name: a hard link, or with -s a symbolic one.
//
// Synopsis:
//
//	ln [-fnsv] TARGET… LINK
//	ln [-fnsv] TARGET
//
// LINK may be a directory to make the links in; without one they are made in the current directory.
//
// Options:
//
//	-f  remove what has the link's name
//	-n  a LINK that is a symbolic link to a directory is what to replace, not where to put it
//	-s  symbolic links
//	-v  say what is linked
package ln

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmd/cp"
	"stave/toolbox/cmdline"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("ln [-fnsv] TARGET… LINK")
	force := line.BoolP("force", "f", false, "remove what has the link's name")
	replace := line.BoolP("no-dereference", "n", false, "replace a LINK that is a symbolic link to a directory")
	symbolic := line.BoolP("symbolic", "s", false, "symbolic links")
	verbose := line.BoolP("verbose", "v", false, "say what is linked")
	if status, ok := line.Read(args); !ok {
		return status
	}
	status := cmdline.Success
	link := func(target, name string) {
		if *verbose {
			fmt.Printf("%s -> %s\n", name, target)
		}
		if err := makeLink(target, name, *symbolic, *force); err != nil {
			status = line.Fail(err)
		}
	}
	operands := line.Args()
	if len(operands) == 1 {
		operands = append(operands, ".")
	}
	if *replace && len(operands) == 2 {
		if info, err := os.Lstat(operands[1]); err == nil && info.Mode()&os.ModeSymlink != 0 {
			link(operands[0], operands[1])
			return status
		}
	}
	if err := cp.Into(operands, link); err != nil {
		return line.Misuse("%v", err)
	}
	return status
}

func makeLink(target, name string, symbolic, force bool) error {
	if force {
		if err := unix.Unlink(name); err != nil && err != unix.ENOENT {
			return &os.PathError{Op: "unlink", Path: name, Err: err}
		}
	}
	if symbolic {
		return os.Symlink(target, name)
	}
	return os.Link(target, name)
}
