// Package wc counts lines, words and bytes.
//
// Synopsis:
//
//	wc [-clmw] [FILE…]
//
// Options:
//
//	-c  bytes
//	-l  lines
//	-m  characters
//	-w  words
//
// Without options it is lines, words and bytes.
package wc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"

	"stave/toolbox/cmdline"
)

type counts struct {
	name                          string
	lines, words, runes, numBytes int64
}

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("wc [-clmw] [FILE…]")
	showBytes := line.BoolP("bytes", "c", false, "bytes")
	showLines := line.BoolP("lines", "l", false, "lines")
	showRunes := line.BoolP("chars", "m", false, "characters")
	showWords := line.BoolP("words", "w", false, "words")
	if status, ok := line.Read(args); !ok {
		return status
	}
	if line.NFlag() == 0 {
		*showLines, *showWords, *showBytes = true, true, true
	}
	var all []counts
	sum := counts{name: "total"}
	status := line.Files(line.Args(), func(name string, file *os.File) error {
		c, err := count(file)
		if line.NArg() > 0 {
			c.name = name
		}
		all = append(all, c)
		sum.lines += c.lines
		sum.words += c.words
		sum.runes += c.runes
		sum.numBytes += c.numBytes
		return err
	})
	if line.NArg() > 1 {
		all = append(all, sum)
	}
	width := 1
	if len(all) > 1 || line.NFlag() != 1 && len(all) == 1 {
		width = len(strconv.FormatInt(sum.numBytes, 10))
	}
	for _, c := range all {
		var cells []string
		for _, cell := range []struct {
			wanted bool
			value  int64
		}{{*showLines, c.lines}, {*showWords, c.words}, {*showRunes, c.runes}, {*showBytes, c.numBytes}} {
			if cell.wanted {
				cells = append(cells, fmt.Sprintf("%*d", width, cell.value))
			}
		}
		fmt.Println(strings.TrimRight(strings.Join(cells, " ")+" "+c.name, " "))
	}
	return status
}

func count(file *os.File) (counts, error) {
	var c counts
	in := bufio.NewReaderSize(file, 64<<10)
	inWord := false
	for {
		r, n, err := in.ReadRune()
		if errors.Is(err, io.EOF) {
			return c, nil
		}
		if err != nil {
			return c, err
		}
		c.numBytes += int64(n)
		c.runes++
		if r == '\n' {
			c.lines++
		}
		if space := unicode.IsSpace(r); space {
			inWord = false
		} else if !inWord {
			inWord = true
			c.words++
		}
	}
}
