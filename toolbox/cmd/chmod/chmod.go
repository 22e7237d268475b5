// Package chmod changes what the owner, the group and others may do with files.
//
// Synopsis:
//
//	chmod [-Rv] MODE FILE…
//
// MODE is octal, such as 755 or 1777, or symbolic, such as u+x, go-w, a=rX.
//
// Options:
//
//	-R  directories with what is in them
//	-v  say what is changed
package chmod

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmdline"
	"stave/toolbox/filemode"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("chmod [-Rv] MODE FILE…")
	recurse := line.BoolP("recursive", "R", false, "directories with what is in them")
	verbose := line.BoolP("verbose", "v", false, "say what is changed")
	if status, ok := line.Read(dashedMode(args)); !ok {
		return status
	}
	if line.NArg() < 2 {
		return line.Misuse("a mode and a file are needed")
	}
	status := cmdline.Success
	for _, name := range line.Args()[1:] {
		err := each(name, *recurse, func(path string) error {
			return change(path, line.Arg(0), *verbose)
		})
		if err != nil {
			status = line.Fail(err)
		}
	}
	return status
}

// dashedMode keeps a mode such as -x or -w from being taken for options.
func dashedMode(args []string) []string {
	for i, arg := range args[1:] {
		if len(arg) > 1 && arg[0] == '-' && strings.Trim(arg, "-rwxXst") == "" && arg != "--" {
			fixed := append([]string{}, args...)
			fixed[i+1] = "a" + arg
			return fixed
		}
	}
	return args
}

// each calls do with path, and with recurse with all that is below it. Links met on the way are not followed.
func each(path string, recurse bool, do func(string) error) error {
	if !recurse {
		return do(path)
	}
	return filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.Type()&fs.ModeSymlink != 0 {
			return nil
		}
		return do(path)
	})
}

func change(path, expression string, verbose bool) error {
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		return &os.PathError{Op: "stat", Path: path, Err: err}
	}
	umask := unix.Umask(0)
	unix.Umask(umask)
	mode, err := filemode.Change(stat.Mode, expression, uint32(umask))
	if err != nil {
		return err
	}
	if verbose {
		fmt.Printf("%s %s\n", filemode.String(mode), path)
	}
	return os.Chmod(path, filemode.Go(mode))
}
