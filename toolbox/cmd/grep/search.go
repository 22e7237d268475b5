package grep

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

var errDirectory = errors.New("is a directory: -r goes into it")

// search shows the lines of one file that match. binary files are said to match and not shown, for a terminal's sake.
func (s *searcher) search(name string, file io.Reader) error {
	in := bufio.NewReaderSize(file, 64<<10)
	start, _ := in.Peek(1024) // an error comes again with the first line
	binary := bytes.IndexByte(start, 0) >= 0
	var (
		matches, number, shown int      // shown is the number of the last line printed
		owed                   int      // lines still to be shown after a match
		before                 [][]byte // kept in case the next one matches
	)
	for s.limit < 0 || matches < s.limit || owed > 0 {
		text, err := in.ReadBytes('\n')
		if len(text) == 0 && errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		number++
		text = bytes.TrimSuffix(text, []byte("\n"))
		over := s.limit >= 0 && matches >= s.limit
		if !over && s.pattern.Match(text) != s.invert {
			matches++
			s.matched = true
			if s.quiet || s.list || s.listWithout || binary && !s.count {
				break
			}
			if s.count {
				continue
			}
			if first := number - len(before); shown > 0 && first > shown+1 && s.after+s.before > 0 {
				s.out.WriteString("--\n")
			}
			for i, earlier := range before {
				s.show(name, number-len(before)+i, '-', earlier)
			}
			before, shown, owed = before[:0], number, s.after
			s.show(name, number, ':', text)
		} else if owed > 0 {
			owed--
			shown = number
			s.show(name, number, '-', text)
		} else if s.before > 0 {
			if len(before) == s.before {
				before = before[1:]
			}
			before = append(before, text)
		}
	}
	s.summary(name, matches, binary)
	return nil
}

func (s *searcher) summary(name string, matches int, binary bool) {
	switch {
	case s.quiet:
	case s.list && matches > 0, s.listWithout && matches == 0:
		fmt.Fprintln(s.out, name)
	case s.list, s.listWithout:
	case s.count && s.names:
		fmt.Fprintf(s.out, "%s:%d\n", name, matches)
	case s.count:
		fmt.Fprintln(s.out, matches)
	case binary && matches > 0:
		fmt.Fprintf(s.out, "%s: binary file matches\n", name)
	}
}

// show prints a line, after a colon if it matches and after a dash if it is only near one that does.
func (s *searcher) show(name string, number int, separator byte, text []byte) {
	parts := [][]byte{text}
	if s.only {
		if s.invert || separator == '-' {
			return
		}
		parts = s.pattern.FindAll(text, -1)
	}
	for _, part := range parts {
		if s.only && len(part) == 0 {
			continue
		}
		if s.names {
			fmt.Fprintf(s.out, "%s%c", name, separator)
		}
		if s.numbers {
			fmt.Fprintf(s.out, "%d%c", number, separator)
		}
		s.out.Write(part)
		s.out.WriteByte('\n')
	}
}
