// Package rm removes files and directories.
//
// Synopsis:
//
//	rm [-dfrRv] FILE…
//
// Options:
//
//	-d  empty directories too
//	-f  no complaint about what isn't there; it never asks
//	-r  directories with all that is in them; -R is the same
//	-v  say what is removed
package rm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmdline"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("rm [-dfrRv] FILE…")
	empty := line.BoolP("dir", "d", false, "empty directories too")
	force := line.BoolP("force", "f", false, "no complaint about what isn't there; it never asks")
	recurse := line.BoolP("recursive", "r", false, "directories with all that is in them")
	line.BoolVarP(recurse, "Recursive", "R", false, "the same")
	verbose := line.BoolP("verbose", "v", false, "say what is removed")
	if status, ok := line.Read(args); !ok {
		return status
	}
	if line.NArg() == 0 && !*force {
		return line.Misuse("which file?")
	}
	status := cmdline.Success
	for _, name := range line.Args() {
		err := remove(name, *recurse, *empty)
		if *force && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			status = line.Fail(err)
		} else if *verbose {
			fmt.Printf("removed %s\n", name)
		}
	}
	return status
}

func remove(name string, recurse, empty bool) error {
	if last := filepath.Base(name); last == "." || last == ".." || last == "/" {
		return fmt.Errorf("%s: too dear to remove", name)
	}
	info, err := os.Lstat(name)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return os.Remove(name)
	case recurse:
		return os.RemoveAll(name)
	case !empty:
		return fmt.Errorf("%s is a directory: -r removes those", name)
	}
	if err := unix.Rmdir(name); err != nil {
		return &os.PathError{Op: "rmdir", Path: name, Err: err}
	}
	return nil
}
