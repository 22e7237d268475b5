// Package tr replaces, removes or squeezes characters.
//
// Synopsis:
//
//	tr [-c] FROM TO
//	tr -d [-c] CHARACTERS
//	tr -s [-c] CHARACTERS [TO]
//
// Characters may be ranges such as a-z, escapes such as \n and \t, and [:alpha:] [:digit:] [:alnum:] [:space:]
// [:blank:] [:upper:] [:lower:] [:punct:].
//
// Options:
//
//	-c  all characters but those
//	-d  remove them
//	-s  several of the same in a row become one
package tr

import (
	"bufio"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"

	"stave/toolbox/cmdline"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("tr [-cds] FROM [TO]")
	others := line.BoolP("complement", "c", false, "all characters but those")
	remove := line.BoolP("delete", "d", false, "remove them")
	squeeze := line.BoolP("squeeze-repeats", "s", false, "several of the same in a row become one")
	if status, ok := line.Read(args); !ok {
		return status
	}
	if line.NArg() < 1 || line.NArg() > 2 || line.NArg() == 1 && !*remove && !*squeeze {
		return line.Misuse("characters are needed, and what to make of them")
	}
	from, to := expand(line.Arg(0)), expand(line.Arg(1))
	member := func(r rune) bool { return slices.Contains(from, r) != *others }
	change := func(r rune) rune {
		if len(to) == 0 || *remove || !member(r) {
			return r
		}
		if *others {
			return to[len(to)-1]
		}
		return to[min(slices.Index(from, r), len(to)-1)]
	}
	squeezed := func(r rune) bool { // in what comes out
		switch {
		case !*squeeze:
			return false
		case len(to) > 0:
			return slices.Contains(to, r)
		}
		return member(r)
	}
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	last := rune(-1)
	for {
		r, _, err := in.ReadRune()
		if err != nil {
			if flushErr := out.Flush(); errors.Is(err, io.EOF) {
				err = flushErr
			}
			if err != nil {
				return line.Fail(err)
			}
			return cmdline.Success
		}
		if *remove && member(r) {
			continue
		}
		if r = change(r); r == last && squeezed(r) {
			continue
		}
		out.WriteRune(r)
		last = r
	}
}

var classes = map[string]func(rune) bool{
	"alpha": unicode.IsLetter, "digit": unicode.IsDigit, "space": unicode.IsSpace, "upper": unicode.IsUpper,
	"lower": unicode.IsLower, "punct": func(r rune) bool { return unicode.IsPunct(r) || unicode.IsSymbol(r) },
	"alnum": func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) },
	"blank": func(r rune) bool { return r == ' ' || r == '\t' },
}

// expand writes ranges, escapes and classes out. A class stands for its members in ASCII.
func expand(text string) []rune {
	var set []rune
	runes := []rune(text)
	for i := 0; i < len(runes); i++ {
		if rest := string(runes[i:]); strings.HasPrefix(rest, "[:") {
			if name, _, ok := strings.Cut(rest[2:], ":]"); ok && classes[name] != nil {
				for r := range rune(128) {
					if classes[name](r) {
						set = append(set, r)
					}
				}
				i += len(name) + 3
				continue
			}
		}
		r := runes[i]
		if r == '\\' && i+1 < len(runes) {
			i++
			r = runes[i]
			if at := strings.IndexRune("nrt0\\", r); at >= 0 {
				r = []rune("\n\r\t\x00\\")[at]
			}
		}
		if i+2 < len(runes) && runes[i+1] == '-' && runes[i+2] >= r {
			for ; r <= runes[i+2]; r++ {
				set = append(set, r)
			}
			i += 2
			continue
		}
		set = append(set, r)
	}
	return set
}
