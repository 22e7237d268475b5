// Package mknod makes devices and pipes; see mknod(2).
//
// Synopsis:
//
//	mknod [-m MODE] FILE p
//	mknod [-m MODE] FILE b|c MAJOR MINOR
//	mkfifo [-m MODE] FILE…
//
// Options:
//
//	-m MODE  with this mode, as for chmod
package mknod

import (
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmdline"
	"stave/toolbox/filemode"
)

// Main runs the command mknod and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("mknod [-m MODE] FILE p|b|c [MAJOR MINOR]")
	expression := line.StringP("mode", "m", "", "with this `MODE`, as for chmod")
	if status, ok := line.Read(args); !ok {
		return status
	}
	var kind uint32
	device := 0
	switch {
	case line.NArg() == 2 && line.Arg(1) == "p":
		kind = unix.S_IFIFO
	case line.NArg() == 4 && (line.Arg(1) == "b" || line.Arg(1) == "c" || line.Arg(1) == "u"):
		kind = unix.S_IFCHR
		if line.Arg(1) == "b" {
			kind = unix.S_IFBLK
		}
		major, err := strconv.ParseUint(line.Arg(2), 0, 32)
		if err != nil {
			return line.Misuse("%q is not a device number", line.Arg(2))
		}
		minor, err := strconv.ParseUint(line.Arg(3), 0, 32)
		if err != nil {
			return line.Misuse("%q is not a device number", line.Arg(3))
		}
		device = int(unix.Mkdev(uint32(major), uint32(minor)))
	default:
		return line.Misuse("a file and p, or a file, b or c, and two numbers are needed")
	}
	return makeNode(line, line.Arg(0), kind, device, *expression)
}

// Fifo runs the command mkfifo and returns its exit status.
func Fifo(args []string) int {
	line := cmdline.New(filepath.Base(args[0]) + " [-m MODE] FILE…")
	expression := line.StringP("mode", "m", "", "with this `MODE`, as for chmod")
	if status, ok := line.Read(args); !ok {
		return status
	}
	if line.NArg() == 0 {
		return line.Misuse("which file?")
	}
	status := cmdline.Success
	for _, name := range line.Args() {
		status = max(status, makeNode(line, name, unix.S_IFIFO, 0, *expression))
	}
	return status
}

func makeNode(line *cmdline.Line, name string, kind uint32, device int, expression string) int {
	mode := kind | 0o666
	if expression != "" {
		changed, err := filemode.Change(mode, expression, 0)
		if err != nil {
			return line.Misuse("%v", err)
		}
		mode = changed
	}
	if err := unix.Mknod(name, mode, device); err != nil {
		return line.Fail(&os.PathError{Op: "mknod", Path: name, Err: err})
	}
	if expression == "" {
		return cmdline.Success
	}
	if err := os.Chmod(name, filemode.Go(mode)); err != nil { // the umask took its share
		return line.Fail(err)
	}
	return cmdline.Success
}
