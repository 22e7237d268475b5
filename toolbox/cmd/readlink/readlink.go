// Package readlink shows where a symbolic link points.
//
// Synopsis:
//
//	readlink [-fn] FILE…
//	realpath FILE…
//
// A file that isn't a link is no output and exit status 1.
//
// Options:
//
//	-f  the whole way: an absolute name without links in it, as realpath shows it
//	-n  no newline at the end
package readlink

import (
	"fmt"
	"os"
	"path/filepath"

	"stave/toolbox/cmdline"
)

// Main runs the command, by either of its names, and returns its exit status.
func Main(args []string) int {
	line := cmdline.New(filepath.Base(args[0]) + " [-fn] FILE…")
	full := line.BoolP("canonicalize", "f", false, "the whole way: an absolute name without links in it")
	bare := line.BoolP("no-newline", "n", false, "no newline at the end")
	if status, ok := line.Read(args); !ok {
		return status
	}
	if line.NArg() == 0 {
		return line.Misuse("which file?")
	}
	path := line.Name() == "realpath"
	status := cmdline.Success
	for _, name := range line.Args() {
		target, err := resolve(name, *full || path)
		if err != nil {
			status = cmdline.Failure
			if path {
				line.Fail(err)
			}
			continue
		}
		fmt.Print(target)
		if !*bare {
			fmt.Println()
		}
	}
	return status
}

func resolve(name string, full bool) (string, error) {
	if !full {
		return os.Readlink(name)
	}
	name, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	target, err := filepath.EvalSymlinks(name)
	if err == nil {
		return target, nil
	}
	// The last part may be missing, as for readlink -f elsewhere.
	if dir, dirErr := filepath.EvalSymlinks(filepath.Dir(name)); dirErr == nil && os.IsNotExist(err) {
		return filepath.Join(dir, filepath.Base(name)), nil
	}
	return "", err
}
