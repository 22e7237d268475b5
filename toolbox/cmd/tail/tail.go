// Package tail shows the end of files.
//
// Synopsis:
//
//	tail [-fqv] [-n LINES | -c BYTES] [FILE…]
//
// Options:
//
//	-c BYTES  so many bytes; with a plus, from that byte on
//	-f        then what is added, until interrupted
//	-n LINES  so many lines, 10 if not given; with a plus, from that line on. -5 is short for -n 5
//	-q        no names
//	-v        names, even of one file
package tail

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"stave/toolbox/cmdline"
	"stave/toolbox/size"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("tail [-fqv] [-n LINES | -c BYTES] [FILE…]")
	byteCount := line.StringP("bytes", "c", "", "so many `BYTES`; with a plus, from that byte on")
	follow := line.BoolP("follow", "f", false, "then what is added, until interrupted")
	line.BoolVarP(follow, "Follow", "F", false, "the same")
	lineCount := line.StringP("lines", "n", "10", "so many `LINES`; with a plus, from that line on")
	quiet := line.BoolP("quiet", "q", false, "no names")
	verbose := line.BoolP("verbose", "v", false, "names, even of one file")
	if status, ok := line.Read(cmdline.NumberOption(args, 'n')); !ok {
		return status
	}
	show, text := lastLines, *lineCount
	if *byteCount != "" {
		show, text = lastBytes, *byteCount
	}
	text, from := strings.CutPrefix(text, "+")
	n, err := size.Parse(strings.TrimPrefix(text, "-"))
	if err != nil {
		return line.Misuse("%v", err)
	}
	if from {
		show = fromLine
		if *byteCount != "" {
			show = fromByte
		}
	}
	titles := (line.NArg() > 1 || *verbose) && !*quiet
	first := true
	ends := map[string]int64{}
	status := line.Files(line.Args(), func(name string, file *os.File) error {
		if titles {
			cmdline.Title(name, first)
		}
		first = false
		err := show(file, n)
		ends[name], _ = file.Seek(0, io.SeekCurrent) // standard input may be a pipe, which has no position
		return err
	})
	if *follow && status == cmdline.Success {
		return followFiles(line, ends)
	}
	return status
}

func fromByte(file *os.File, n int64) error {
	if n > 1 {
		if _, err := io.CopyN(io.Discard, file, n-1); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	_, err := io.Copy(os.Stdout, file)
	return err
}

func fromLine(file *os.File, n int64) error {
	in := bufio.NewReader(file)
	for ; n > 1; n-- {
		if _, err := in.ReadSlice('\n'); err == bufio.ErrBufferFull {
			n++ // still the same line
		} else if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	_, err := in.WriteTo(os.Stdout)
	return err
}

// lastBytes and lastLines keep no more in memory than they show.
func lastBytes(file *os.File, n int64) error {
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() && info.Size() > n {
		if _, err := file.Seek(-n, io.SeekEnd); err != nil {
			return err
		}
		_, err := io.Copy(os.Stdout, file)
		return err
	}
	content, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(content[max(0, int64(len(content))-n):])
	return err
}

func lastLines(file *os.File, n int64) error {
	var last []string
	in := bufio.NewReader(file)
	for {
		text, err := in.ReadString('\n')
		if text != "" {
			last = append(last, text)
		}
		if int64(len(last)) > n {
			last = last[1:]
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	out := bufio.NewWriter(os.Stdout)
	for _, text := range last {
		out.WriteString(text)
	}
	return out.Flush()
}

// interval is how often -f looks. inotify(7) would be prompter and doesn't see what other hosts write.
const interval = 100 * time.Millisecond

// followFiles copies what is added to the files after what has been shown. It ends with a signal, or if they can't be
// read.
func followFiles(line *cmdline.Line, ends map[string]int64) int {
	var files []*os.File
	for _, name := range line.Args() {
		if name == "-" {
			continue // read to its end
		}
		file, err := os.Open(name)
		if err != nil {
			return line.Fail(err)
		}
		if _, err := file.Seek(ends[name], io.SeekStart); err != nil {
			return line.Fail(err)
		}
		files = append(files, file)
	}
	for len(files) > 0 {
		for _, file := range files {
			if err := added(file); err != nil {
				return line.Fail(err)
			}
		}
		time.Sleep(interval)
	}
	return cmdline.Success
}

// added copies what has been written to a file since it was last looked at.
func added(file *os.File) error {
	at, err := file.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size() < at { // it was emptied
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return err
		}
	}
	_, err = io.Copy(os.Stdout, file)
	return err
}
