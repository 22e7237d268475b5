// Package mkdir makes directories.
//
// Synopsis:
//
//	mkdir [-pv] [-m MODE] DIRECTORY…
//
// Options:
//
//	-m MODE  with this mode, as for chmod
//	-p       parents too, and no complaint about what is there
//	-v       say what is made
package mkdir

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmdline"
	"stave/toolbox/filemode"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("mkdir [-pv] [-m MODE] DIRECTORY…")
	expression := line.StringP("mode", "m", "", "with this `MODE`, as for chmod")
	parents := line.BoolP("parents", "p", false, "parents too, and no complaint about what is there")
	verbose := line.BoolP("verbose", "v", false, "say what is made")
	if status, ok := line.Read(args); !ok {
		return status
	}
	if line.NArg() == 0 {
		return line.Misuse("which directory?")
	}
	var mode uint32
	if *expression != "" {
		var err error
		if mode, err = filemode.Change(unix.S_IFDIR|0o777, *expression, 0); err != nil {
			return line.Misuse("%v", err)
		}
	}
	status := cmdline.Success
	for _, dir := range line.Args() {
		make := os.Mkdir
		if *parents {
			make = os.MkdirAll
		}
		err := make(dir, 0o777)
		if err == nil && *verbose {
			fmt.Printf("mkdir: made %s\n", dir)
		}
		if err == nil && *expression != "" {
			err = os.Chmod(dir, filemode.Go(mode))
		}
		if err != nil {
			status = line.Fail(err)
		}
	}
	return status
}
