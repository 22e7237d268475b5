// Package cat writes files to standard output, one after the other.
//
// Synopsis:
//
//	cat [-nu] [FILE…]
//
// Options:
//
//	-n  number the lines
//	-u  accepted: output is never held back
package cat

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"stave/toolbox/cmdline"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("cat [-nu] [FILE…]")
	number := line.BoolP("number", "n", false, "number the lines")
	line.BoolP("unbuffered", "u", false, "accepted: output is never held back")
	if status, ok := line.Read(args); !ok {
		return status
	}
	count := 0
	return line.Files(line.Args(), func(_ string, file *os.File) error {
		if *number {
			return numbered(file, &count)
		}
		_, err := io.Copy(os.Stdout, file)
		return err
	})
}

// numbered copies lines with their numbers, which go on from one file to the next.
func numbered(file *os.File, count *int) error {
	in, out := bufio.NewReader(file), bufio.NewWriter(os.Stdout)
	for {
		text, err := in.ReadString('\n')
		if text != "" {
			*count++
			fmt.Fprintf(out, "%6d\t%s", *count, text)
		}
		if errors.Is(err, io.EOF) {
			return out.Flush()
		}
		if err != nil {
			return errors.Join(out.Flush(), err)
		}
	}
}
