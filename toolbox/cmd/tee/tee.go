// Package tee copies its input to standard output and to files.
//
// Synopsis:
//
//	tee [-ai] [FILE…]
//
// Options:
//
//	-a  add to the files, not replace them
//	-i  go on when interrupted
package tee

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"stave/toolbox/cmdline"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("tee [-ai] [FILE…]")
	add := line.BoolP("append", "a", false, "add to the files, not replace them")
	ignore := line.BoolP("ignore-interrupts", "i", false, "go on when interrupted")
	if status, ok := line.Read(args); !ok {
		return status
	}
	if *ignore {
		signal.Ignore(syscall.SIGINT)
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if *add {
		flags = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	status := cmdline.Success
	outputs := []*os.File{os.Stdout}
	for _, name := range line.Args() {
		file, err := os.OpenFile(name, flags, 0o666)
		if err != nil {
			status = line.Fail(err)
			continue
		}
		outputs = append(outputs, file)
	}
	buffer := make([]byte, 64<<10)
	for {
		n, err := os.Stdin.Read(buffer)
		for i, file := range outputs {
			if file == nil {
				continue
			}
			if _, err := file.Write(buffer[:n]); err != nil { // the others still get theirs
				status = line.Fail(err)
				outputs[i] = nil
			}
		}
		if errors.Is(err, io.EOF) {
			return status
		}
		if err != nil {
			return line.Fail(err)
		}
	}
}
