// Package grep shows the lines that match a pattern.
//
// Synopsis:
//
//	grep [-cEFhHilLnoqrsvwx] [-A N] [-B N] [-C N] [-m N] [-e PATTERN | PATTERN] [FILE…]
//
// PATTERN is a regular expression: a basic one, in which ? + | ( ) { } are letters and mean something after a
// backslash, or with -E an extended one, where it is the other way round; see regex(7). \w, \s, \b are known to both.
// The exit status is 1 if nothing matched.
//
// Options:
//
//	-A N, -B N, -C N  with N lines after, before, both
//	-c                how many lines, not which
//	-e PATTERN        this too; several are allowed
//	-E                extended regular expressions
//	-F                plain text, not regular expressions
//	-h, -H            without, with the file's name
//	-i                small letters and capitals are the same
//	-l, -L            the names of files with, without a match
//	-m N              stop after N lines
//	-n                line numbers
//	-o                only what matches, each on a line
//	-q                nothing; only the exit status
//	-r                directories with what is in them
//	-s                no complaint about files that can't be read
//	-v                the lines that don't match
//	-w                whole words
//	-x                whole lines
package grep

import (
	"bufio"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"stave/toolbox/cmdline"
)

type searcher struct {
	line    *cmdline.Line
	out     *bufio.Writer
	pattern *regexp.Regexp

	count, names, noNames, list, listWithout, numbers, only, quiet, recurse, silent, invert bool
	after, before, limit                                                                    int

	matched, failed bool
}

// trouble is the exit status when a file can't be read; 1 says that nothing matched.
const trouble = 2

// Main runs the command, by any of its names, and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("grep [-cEFhHilLnoqrsvwx] [-A N] [-B N] [-C N] [-m N] [-e PATTERN | PATTERN] [FILE…]")
	s := &searcher{line: line, out: bufio.NewWriter(os.Stdout)}
	var form syntax
	name := filepath.Base(args[0])
	line.IntVarP(&s.after, "after-context", "A", 0, "with `N` lines after")
	line.IntVarP(&s.before, "before-context", "B", 0, "with `N` lines before")
	context := line.IntP("context", "C", 0, "with `N` lines before and after")
	line.BoolVarP(&s.count, "count", "c", false, "how many lines, not which")
	patterns := line.StringArrayP("regexp", "e", nil, "this `PATTERN` too")
	line.BoolVarP(&form.extended, "extended-regexp", "E", name == "egrep", "extended regular expressions")
	line.BoolVarP(&form.fixed, "fixed-strings", "F", name == "fgrep", "plain text, not regular expressions")
	line.BoolVarP(&s.noNames, "no-filename", "h", false, "without the file's name")
	line.BoolVarP(&s.names, "with-filename", "H", false, "with the file's name")
	line.BoolVarP(&form.fold, "ignore-case", "i", false, "small letters and capitals are the same")
	line.BoolVarP(&s.list, "files-with-matches", "l", false, "the names of files with a match")
	line.BoolVarP(&s.listWithout, "files-without-match", "L", false, "the names of files without a match")
	line.IntVarP(&s.limit, "max-count", "m", -1, "stop after `N` lines")
	line.BoolVarP(&s.numbers, "line-number", "n", false, "line numbers")
	line.BoolVarP(&s.only, "only-matching", "o", false, "only what matches, each on a line")
	line.BoolVarP(&s.quiet, "quiet", "q", false, "nothing; only the exit status")
	line.BoolVarP(&s.recurse, "recursive", "r", false, "directories with what is in them")
	line.BoolVarP(&s.recurse, "Recursive", "R", false, "the same")
	line.BoolVarP(&s.silent, "no-messages", "s", false, "no complaint about files that can't be read")
	line.BoolVarP(&s.invert, "invert-match", "v", false, "the lines that don't match")
	line.BoolVarP(&form.words, "word-regexp", "w", false, "whole words")
	line.BoolVarP(&form.lines, "line-regexp", "x", false, "whole lines")
	line.String("color", "", "accepted: there is none")
	line.Lookup("color").NoOptDefVal = "auto"
	if status, ok := line.Read(args); !ok {
		return status
	}
	if line.Changed("context") {
		s.after, s.before = *context, *context
	}
	files := line.Args()
	if len(*patterns) == 0 {
		if len(files) == 0 {
			return line.Misuse("which pattern?")
		}
		*patterns, files = files[:1], files[1:]
	}
	var err error
	if s.pattern, err = form.compile(*patterns); err != nil {
		return line.Misuse("%v", err)
	}
	return s.run(files)
}

func (s *searcher) run(files []string) int {
	if len(files) == 0 {
		files = []string{"-"}
		if s.recurse {
			files = []string{"."}
		}
	}
	s.names = (s.names || len(files) > 1 || s.recurse) && !s.noNames
	for _, name := range files {
		s.operand(name)
		if s.quiet && s.matched {
			break
		}
	}
	if err := s.out.Flush(); err != nil {
		s.complain(err)
	}
	switch {
	case s.failed && !(s.quiet && s.matched):
		return trouble
	case s.matched:
		return cmdline.Success
	}
	return cmdline.Failure
}

func (s *searcher) operand(name string) {
	if name == "-" {
		s.check(s.search("(standard input)", os.Stdin))
		return
	}
	info, err := os.Stat(name)
	if err != nil {
		s.complain(err)
		return
	}
	if !info.IsDir() {
		s.file(name)
		return
	}
	if !s.recurse {
		s.complain(&fs.PathError{Op: "read", Path: name, Err: errDirectory})
		return
	}
	s.directory(name)
}

// directory searches what is in a directory. A device or a pipe is left out: it might never end.
func (s *searcher) directory(name string) {
	entries, err := os.ReadDir(name)
	if err != nil {
		s.complain(err)
	}
	for _, e := range entries {
		path := strings.TrimSuffix(name, "/") + "/" + e.Name()
		switch {
		case e.IsDir():
			s.directory(path)
		case e.Type().IsRegular():
			s.file(path)
		}
	}
}

func (s *searcher) file(name string) {
	file, err := os.Open(name)
	if err != nil {
		s.complain(err)
		return
	}
	defer file.Close()
	s.check(s.search(name, file))
}

func (s *searcher) check(err error) {
	if err != nil {
		s.complain(err)
	}
}

func (s *searcher) complain(err error) {
	s.failed = true
	if !s.silent {
		s.out.Flush() // keep the order in which things happened
		s.line.Fail(err)
	}
}
