// Package nproc shows how many processors this process may run on; see sched_getaffinity(2). A cpuset changes it, a
// limit on CPU time does not.
//
// Synopsis:
//
//	nproc
package nproc

import (
	"fmt"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmdline"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("nproc")
	if status, ok := line.Read(args); !ok {
		return status
	}
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return line.Fail(err)
	}
	fmt.Println(set.Count())
	return cmdline.Success
}
