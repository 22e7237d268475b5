// Package cut shows parts of lines.
//
// Synopsis:
//
//	cut -f LIST [-s] [-d CHARACTER] [FILE…]
//	cut -c LIST [FILE…]
//
// LIST counts from 1: 1,3-5 or -2 or 4-.
//
// Options:
//
//	-b LIST, -c LIST  these bytes, these characters
//	-d CHARACTER      fields are parted by this, not by a tab
//	-f LIST           these fields
//	-s                leave out lines without the character
package cut

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"stave/toolbox/cmdline"
)

// A span is what a LIST names between two commas.
type span struct{ from, to int }

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("cut -f LIST [-s] [-d CHARACTER] | -c LIST [FILE…]")
	byteList := line.StringP("bytes", "b", "", "these bytes")
	runeList := line.StringP("characters", "c", "", "these characters")
	delimiter := line.StringP("delimiter", "d", "\t", "fields are parted by this `CHARACTER`, not by a tab")
	fieldList := line.StringP("fields", "f", "", "these fields")
	onlyDelimited := line.BoolP("only-delimited", "s", false, "leave out lines without the character")
	if status, ok := line.Read(args); !ok {
		return status
	}
	spans, err := parse(*byteList + *runeList + *fieldList)
	if err != nil {
		return line.Misuse("%v", err)
	}
	out := bufio.NewWriter(os.Stdout)
	status := line.Files(line.Args(), func(_ string, file *os.File) error {
		in := bufio.NewScanner(file)
		in.Buffer(nil, 1<<30)
		for in.Scan() {
			text := in.Text()
			switch {
			case *byteList != "":
				text = strings.Join(pick(spans, bytesOf(text)), "")
			case *runeList != "":
				text = strings.Join(pick(spans, strings.Split(text, "")), "")
			case !strings.Contains(text, *delimiter):
				if *onlyDelimited {
					continue
				}
			default:
				text = strings.Join(pick(spans, strings.Split(text, *delimiter)), *delimiter)
			}
			fmt.Fprintln(out, text)
		}
		return in.Err()
	})
	if err := out.Flush(); err != nil {
		return line.Fail(err)
	}
	return status
}

func bytesOf(text string) []string {
	parts := make([]string, len(text))
	for i := range text {
		parts[i] = text[i : i+1]
	}
	return parts
}

func parse(list string) ([]span, error) {
	var spans []span
	for part := range strings.SplitSeq(list, ",") {
		from, to, dash := strings.Cut(part, "-")
		s := span{1, math.MaxInt}
		var err error
		if from != "" {
			s.from, err = strconv.Atoi(from)
		}
		if !dash {
			s.to = s.from
		} else if to != "" && err == nil {
			s.to, err = strconv.Atoi(to)
		}
		if err != nil || part == "" || part == "-" || s.from < 1 || s.to < s.from {
			return nil, fmt.Errorf("%q is not a list such as 1,3-5", list)
		}
		spans = append(spans, s)
	}
	return spans, nil
}

// pick returns the parts the list names, in the order of the line.
func pick(spans []span, parts []string) []string {
	var picked []string
	for i, part := range parts {
		for _, s := range spans {
			if i+1 >= s.from && i+1 <= s.to {
				picked = append(picked, part)
				break
			}
		}
	}
	return picked
}
