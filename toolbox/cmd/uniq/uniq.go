// Package uniq leaves out lines that are the same as the one before.
//
// Synopsis:
//
//	uniq [-cdiu] [FILE]
//
// Options:
//
//	-c  how often each came
//	-d  only those that came more than once
//	-i  small letters and capitals are the same
//	-u  only those that came once
package uniq

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"stave/toolbox/cmdline"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("uniq [-cdiu] [FILE]")
	count := line.BoolP("count", "c", false, "how often each came")
	repeated := line.BoolP("repeated", "d", false, "only those that came more than once")
	fold := line.BoolP("ignore-case", "i", false, "small letters and capitals are the same")
	single := line.BoolP("unique", "u", false, "only those that came once")
	if status, ok := line.Read(args); !ok {
		return status
	}
	if line.NArg() > 1 {
		return line.Misuse("one file at a time")
	}
	out := bufio.NewWriter(os.Stdout)
	show := func(text string, times int) {
		if times == 0 || *repeated && times == 1 || *single && times > 1 {
			return
		}
		if *count {
			fmt.Fprintf(out, "%7d ", times)
		}
		out.WriteString(text + "\n")
	}
	status := line.Files(line.Args(), func(_ string, file *os.File) error {
		in := bufio.NewScanner(file)
		in.Buffer(nil, 1<<30)
		last, times := "", 0
		for in.Scan() {
			text := in.Text()
			if times > 0 && (text == last || *fold && strings.EqualFold(text, last)) {
				times++
				continue
			}
			show(last, times)
			last, times = text, 1
		}
		show(last, times)
		return in.Err()
	})
	if err := out.Flush(); err != nil {
		return line.Fail(err)
	}
	return status
}
