// Package book keeps the book true. It reads the pages below docs/ and holds them against the repository: code is quoted
// from the steps' files and every new line of a step is quoted, what a transcript shows is what its commands print, links
// lead somewhere, and each picture is what its source draws.
//
// Two kinds of comments in a page tell it what to do:
//
//	<!-- quote pid.go runAsInit "for {" "}" -->     fills in the block of Go code that follows; see quote.go
//	<!-- run needs="cgroup2" vary="[0-9]+" -->      is about the transcript that follows; see transcript.go
//
// Nothing here changes a page but Fill, which puts quotes in, and Record, which puts outputs in.
package book

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
)

// A Book is the pages of one repository.
type Book struct {
	root  string // the repository's top directory; empty where there are only files
	files fs.FS  // what is in it

	outside
	patience time.Duration // with a command of a transcript
}

// Open returns the book of the repository whose top directory is root.
func Open(root string) *Book {
	return &Book{root: root, files: os.DirFS(root), outside: installed(root), patience: time.Minute}
}

// A Problem is one thing that is wrong, and where.
type Problem struct {
	Page string // from the repository's top
	Line int    // from 1; 0 means the page as a whole
	Text string
}

func (p Problem) String() string {
	if p.Line == 0 {
		return p.Page + ": " + p.Text
	}
	return fmt.Sprintf("%s:%d: %s", p.Page, p.Line, p.Text)
}

// problems collects what is wrong with one page.
type problems struct {
	page string
	list []Problem
}

func (p *problems) add(line int, format string, args ...any) {
	p.list = append(p.list, Problem{p.page, line, fmt.Sprintf(format, args...)})
}

func sorted(list []Problem) []Problem {
	slices.SortStableFunc(list, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.Page, b.Page), cmp.Compare(a.Line, b.Line))
	})
	return list
}
