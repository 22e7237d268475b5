// Package mv renames files, or moves them to another file system.
//
// Synopsis:
//
//	mv [-fnv] SOURCE… TARGET
//
// Options:
//
//	-f  accepted: it never asks
//	-n  leave what is there
//	-v  say what is moved
package mv

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmd/cp"
	"stave/toolbox/cmdline"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("mv [-fnv] SOURCE… TARGET")
	line.BoolP("force", "f", false, "accepted: it never asks")
	noClobber := line.BoolP("no-clobber", "n", false, "leave what is there")
	verbose := line.BoolP("verbose", "v", false, "say what is moved")
	if status, ok := line.Read(args); !ok {
		return status
	}
	status := cmdline.Success
	err := cp.Into(line.Args(), func(source, target string) {
		if _, err := os.Lstat(target); err == nil && *noClobber {
			return
		}
		if *verbose {
			fmt.Printf("%s -> %s\n", source, target)
		}
		if err := move(source, target); err != nil {
			status = line.Fail(err)
		}
	})
	if err != nil {
		return line.Misuse("%v", err)
	}
	return status
}

// move renames, or where the two are on different file systems copies and then removes.
func move(source, target string) error {
	err := os.Rename(source, target)
	if !errors.Is(err, unix.EXDEV) {
		return err
	}
	copier := cp.Copier{Force: true, Keep: true, Recurse: true}
	if err := copier.Copy(source, target); err != nil {
		return err
	}
	return os.RemoveAll(source)
}
