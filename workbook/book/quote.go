package book

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// quote is a marker, and the lines of a file that it stands for:
//
//	<!-- quote FILE DECLARATION -->                 the declaration with its comment; a method is Type.method
//	<!-- quote FILE DECLARATION "TEXT" -->          the one line of it in which TEXT stands
//	<!-- quote FILE DECLARATION "TEXT" "TEXT" -->   the lines from the first TEXT to the next line with the second
//	<!-- quote FILE header -->                      all lines to the end of the imports
//
// FILE is of the chapter's step, or with a slash in it from the repository's top. A text with double quotes in it may
// stand in single ones.
type quote struct {
	marker part
	index  int    // of the marker among the page's parts
	words  string // the marker without "quote"

	file        string // from the repository's top
	first, last int    // lines of the file, from 1
	code        string // these lines
}

const quoteWord = "quote"

// quotes resolves all markers of a page. What can't be resolved is among the problems and not among the quotes.
func (b *Book) quotes(p *page, wrong *problems) []quote {
	var list []quote
	for i, part := range p.parts {
		about, words := part.directive()
		if about != quoteWord {
			continue
		}
		q, err := b.resolve(p, words)
		if err != nil {
			wrong.add(part.line, "quote %s: %v", words, err)
			continue
		}
		q.marker, q.index = part, i
		list = append(list, q)
	}
	return list
}

func (b *Book) resolve(p *page, words string) (quote, error) {
	q := quote{words: words}
	args, err := arguments(words)
	if err != nil {
		return q, err
	}
	if len(args) < 2 || len(args) > 4 {
		return q, errors.New(`want FILE DECLARATION, and perhaps the text of the first and the last line in quotes`)
	}
	q.file = args[0].value
	if !strings.Contains(q.file, "/") {
		step := b.step(p.path)
		if step == "" {
			return q, errors.New("this page is no step's chapter: name the file with its path from the repository's top")
		}
		q.file = path.Join(step, q.file)
	}
	source, err := fs.ReadFile(b.files, q.file)
	if errors.Is(err, fs.ErrNotExist) {
		return q, fmt.Errorf("there is no %s", q.file)
	}
	if err != nil {
		return q, err
	}
	if q.first, q.last, err = declaration(q.file, source, args[1].value); err != nil {
		return q, err
	}
	lines := strings.SplitAfter(string(source), "\n")
	if len(args) > 2 {
		if q.first, err = find(lines, q.first, q.last, args[2].value); err != nil {
			return q, err
		}
		end := q.last
		q.last = q.first
		if len(args) > 3 {
			if q.last, err = find(lines, q.first+1, end, args[3].value); err != nil {
				return q, err
			}
		}
	}
	q.code = strings.Join(lines[q.first-1:q.last], "")
	if !strings.HasSuffix(q.code, "\n") {
		q.code += "\n"
	}
	return q, nil
}

// find returns the number of the first line with the text in it.
func find(lines []string, first, last int, text string) (int, error) {
	for n := first; n <= last; n++ {
		if strings.Contains(lines[n-1], text) {
			return n, nil
		}
	}
	return 0, fmt.Errorf("no line from %d to %d has the text %q in it", first, last, text)
}

// header is the name that stands for everything to the end of the imports.
const header = "header"

// declaration returns the first and the last line of what a Go file declares under that name, with its comment.
func declaration(file string, source []byte, name string) (first, last int, err error) {
	positions := token.NewFileSet()
	tree, err := parser.ParseFile(positions, file, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return 0, 0, err
	}
	line := func(p token.Pos) int { return positions.Position(p).Line }
	if name == header {
		end := tree.Name.End()
		for _, d := range tree.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
				end = g.End()
			}
		}
		return 1, line(end), nil
	}
	var known []string
	for _, d := range tree.Decls {
		names, doc := declared(d)
		known = append(known, names...)
		if !slices.Contains(names, name) {
			continue
		}
		start := d.Pos()
		if doc != nil {
			start = doc.Pos()
		}
		return line(start), line(d.End()), nil
	}
	return 0, 0, fmt.Errorf("%s declares no %s, but %s", file, name, strings.Join(known, ", "))
}

// declared are the names by which a declaration goes, and its comment.
func declared(d ast.Decl) (names []string, doc *ast.CommentGroup) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			return []string{d.Name.Name}, d.Doc
		}
		return []string{receiver(d.Recv.List[0].Type) + "." + d.Name.Name}, d.Doc
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				names = append(names, spec.Name.Name)
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					names = append(names, name.Name)
				}
			}
		}
		return names, d.Doc
	}
	return nil, nil
}

func receiver(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.StarExpr:
		return receiver(t.X)
	case *ast.IndexExpr:
		return receiver(t.X)
	case *ast.Ident:
		return t.Name
	}
	return ""
}

// checkQuotes holds each block of Go code against the file it is from.
func (b *Book) checkQuotes(p *page, quotes []quote, wrong *problems) {
	quoted := make(map[int]bool) // the start of each block that has a marker
	for _, q := range quotes {
		block, ok := p.next(q.index)
		if !ok || block.language != "go" {
			wrong.add(q.marker.line, "quote %s: its block of code is missing: %s", q.words, repair(p, "fix"))
			continue
		}
		quoted[block.start] = true
		if n, want, got := firstDifference(q.code, block.text); n >= 0 {
			wrong.add(block.line+1+n, "the quote isn't what %s:%d has: it says %s, the file %s: %s",
				q.file, q.first+n, got, want, repair(p, "fix"))
		}
	}
	for i, part := range p.parts {
		if part.isComment || part.language != "go" || quoted[part.start] {
			continue
		}
		if i > 0 {
			about, _ := p.parts[i-1].directive()
			if _, ok := p.next(i - 1); ok && about == quoteWord {
				continue // its marker can't be resolved, which is said already
			}
		}
		wrong.add(part.line, "Go code in prose is quoted, never typed: put <!-- quote FILE DECLARATION --> before it")
	}
}

// firstDifference returns the first line, from 0, in which two texts differ, and both lines as words; -1 if none does.
func firstDifference(want, got string) (n int, wanted, gotten string) {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	words := func(lines []string, n int) string {
		if n >= len(lines)-1 { // what follows the last line's end
			return "nothing more"
		}
		return fmt.Sprintf("%q", lines[n])
	}
	for n := range max(len(a), len(b)) {
		if n >= len(a) || n >= len(b) || a[n] != b[n] {
			return n, words(a, n), words(b, n)
		}
	}
	return -1, "", ""
}

func repair(p *page, flag string) string {
	return fmt.Sprintf("go run ./workbook book --%s %s", flag, p.path)
}
