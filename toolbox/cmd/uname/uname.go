// Package uname shows which kernel this is. In a container that is the host's.
//
// Synopsis:
//
//	uname [-amnorsv]
//
// Options:
//
//	-a  all of it
//	-m  machine
//	-n  host name, which belongs to the UTS namespace
//	-o  operating system
//	-r  release
//	-s  kernel's name, as without options
//	-v  version, which is when it was built
package uname

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmdline"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("uname [-amnorsv]")
	all := line.BoolP("all", "a", false, "all of it")
	system := line.BoolP("kernel-name", "s", false, "kernel's name, as without options")
	node := line.BoolP("nodename", "n", false, "host name, which belongs to the UTS namespace")
	release := line.BoolP("kernel-release", "r", false, "release")
	version := line.BoolP("kernel-version", "v", false, "version, which is when it was built")
	machine := line.BoolP("machine", "m", false, "machine")
	operating := line.BoolP("operating-system", "o", false, "operating system")
	if status, ok := line.Read(args); !ok {
		return status
	}
	if line.NFlag() == 0 {
		*system = true
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return line.Fail(err)
	}
	var parts []string
	for _, part := range []struct {
		wanted bool
		text   string
	}{
		{*system, unix.ByteSliceToString(name.Sysname[:])},
		{*node, unix.ByteSliceToString(name.Nodename[:])},
		{*release, unix.ByteSliceToString(name.Release[:])},
		{*version, unix.ByteSliceToString(name.Version[:])},
		{*machine, unix.ByteSliceToString(name.Machine[:])},
		{*operating, "GNU/Linux"},
	} {
		if part.wanted || *all {
			parts = append(parts, part.text)
		}
	}
	fmt.Println(strings.Join(parts, " "))
	return cmdline.Success
}
