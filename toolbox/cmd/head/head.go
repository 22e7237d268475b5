// Package head shows the beginning of files.
//
// Synopsis:
//
//	head [-qv] [-n LINES | -c BYTES] [FILE…]
//
// Options:
//
//	-c BYTES  so many bytes; with a minus, all but so many
//	-n LINES  so many lines, 10 if not given; with a minus, all but so many. -5 is short for -n 5
//	-q        no names
//	-v        names, even of one file
package head

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"stave/toolbox/cmdline"
	"stave/toolbox/size"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("head [-qv] [-n LINES | -c BYTES] [FILE…]")
	byteCount := line.StringP("bytes", "c", "", "so many `BYTES`; with a minus, all but so many")
	lineCount := line.StringP("lines", "n", "10", "so many `LINES`; with a minus, all but so many")
	quiet := line.BoolP("quiet", "q", false, "no names")
	verbose := line.BoolP("verbose", "v", false, "names, even of one file")
	if status, ok := line.Read(cmdline.NumberOption(args, 'n')); !ok {
		return status
	}
	show, text := lines, *lineCount
	if *byteCount != "" {
		show, text = byBytes, *byteCount
	}
	text, allBut := strings.CutPrefix(text, "-")
	n, err := size.Parse(text)
	if err != nil {
		return line.Misuse("%v", err)
	}
	titles := (line.NArg() > 1 || *verbose) && !*quiet
	first := true
	return line.Files(line.Args(), func(name string, file *os.File) error {
		if titles {
			cmdline.Title(name, first)
		}
		first = false
		return show(file, n, allBut)
	})
}

func byBytes(file *os.File, n int64, allBut bool) error {
	if !allBut {
		_, err := io.CopyN(os.Stdout, file, n)
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return err
	}
	content, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(content[:max(0, int64(len(content))-n)])
	return err
}

func lines(file *os.File, n int64, allBut bool) error {
	if allBut {
		return allButLines(file, n)
	}
	in := bufio.NewReader(file)
	out := bufio.NewWriter(os.Stdout)
	for ; n > 0; n-- {
		text, err := in.ReadBytes('\n')
		out.Write(text)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return errors.Join(out.Flush(), err)
		}
	}
	// What was read too much is for whoever reads on from here, where the file can go back: not on a pipe.
	file.Seek(-int64(in.Buffered()), io.SeekCurrent)
	return out.Flush()
}

func allButLines(file *os.File, n int64) error {
	content, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	all := bytes.SplitAfter(content, []byte("\n"))
	if last := len(all) - 1; len(all[last]) == 0 {
		all = all[:last]
	}
	for _, text := range all[:max(0, int64(len(all))-n)] {
		if _, err := fmt.Print(string(text)); err != nil {
			return err
		}
	}
	return nil
}
