package book

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// page is one Markdown file, taken apart.
type page struct {
	path   string // from the repository's top
	source []byte
	tree   ast.Node
	parts  []part
}

// part is a comment or a fenced block, in whole lines.
type part struct {
	start, end int // in the page's source
	line       int // of its beginning, from 1

	isComment bool
	comment   string // what the comment says

	language string // of a block
	text     string // what the block holds
}

// readPage reads a page; name is its path from the repository's top.
func (b *Book) readPage(name string) (*page, error) {
	source, err := fs.ReadFile(b.files, name)
	if err != nil {
		return nil, fmt.Errorf("reading a page of the book: %w", err)
	}
	return parsePage(name, source), nil
}

func parsePage(name string, source []byte) *page {
	markdown := goldmark.New(goldmark.WithExtensions(extension.GFM))
	p := &page{path: name, source: source, tree: markdown.Parser().Parse(text.NewReader(source))}
	p.walk(func(n ast.Node) {
		switch n := n.(type) {
		case *ast.FencedCodeBlock:
			if n.Info != nil {
				p.parts = append(p.parts, p.block(n))
			}
		case *ast.HTMLBlock:
			if part, ok := p.comment(n); ok {
				p.parts = append(p.parts, part)
			}
		}
	})
	return p
}

// walk calls f for each node, in the order of the text.
func (p *page) walk(f func(ast.Node)) {
	// The error is the callback's, and ours returns none.
	_ = ast.Walk(p.tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			f(n)
		}
		return ast.WalkContinue, nil
	})
}

// block takes a fenced block with its fences, of which the parser keeps no position.
func (p *page) block(n *ast.FencedCodeBlock) part {
	opening := p.lineStart(n.Info.Segment.Start)
	inside := p.lineEnd(opening)
	if lines := n.Lines(); lines.Len() > 0 {
		inside = lines.At(lines.Len() - 1).Stop
	}
	end := inside
	closing := bytes.TrimSpace(p.source[inside:p.lineEnd(inside)])
	if bytes.HasPrefix(closing, []byte("```")) || bytes.HasPrefix(closing, []byte("~~~")) {
		end = p.lineEnd(inside)
	}
	return part{
		start: opening, end: end, line: p.lineAt(opening),
		language: string(n.Language(p.source)), text: string(n.Lines().Value(p.source)),
	}
}

func (p *page) comment(n *ast.HTMLBlock) (part, bool) {
	if n.HTMLBlockType != ast.HTMLBlockType2 || n.Lines().Len() == 0 {
		return part{}, false
	}
	start := n.Lines().At(0).Start
	inside, _, closed := strings.Cut(string(p.source[start:]), "-->")
	if !closed {
		return part{}, false
	}
	return part{
		start: start, end: p.lineEnd(start + len(inside)), line: p.lineAt(start),
		isComment: true, comment: strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(inside), "<!--")),
	}, true
}

// directive is the first word of a comment, which says what it is about, and the others.
func (p *part) directive() (about, words string) {
	about, _, _ = strings.Cut(strings.TrimSpace(strings.ReplaceAll(p.comment, "\n", " ")), " ")
	return about, strings.TrimSpace(strings.TrimPrefix(p.comment, about))
}

// next is the block that stands right after a comment, with nothing but empty lines between.
func (p *page) next(i int) (part, bool) {
	if i+1 >= len(p.parts) || p.parts[i+1].isComment {
		return part{}, false
	}
	between := p.source[p.parts[i].end:p.parts[i+1].start]
	return p.parts[i+1], len(bytes.TrimSpace(between)) == 0
}

// lineAt is the number of the line, from 1, in which the byte at offset stands.
func (p *page) lineAt(offset int) int { return 1 + bytes.Count(p.source[:offset], []byte("\n")) }

func (p *page) lineStart(offset int) int { return bytes.LastIndexByte(p.source[:offset], '\n') + 1 }

// lineEnd is where the next line begins.
func (p *page) lineEnd(offset int) int {
	if i := bytes.IndexByte(p.source[offset:], '\n'); i >= 0 {
		return offset + i + 1
	}
	return len(p.source)
}

var chapterName = regexp.MustCompile(`^docs/([0-9][0-9]-[a-z0-9-]+)\.md$`)

// step is the directory of the step that a page is the chapter of, or empty.
func (b *Book) step(name string) string {
	match := chapterName.FindStringSubmatch(name)
	if match == nil {
		return ""
	}
	dir := path.Join("steps", match[1])
	if info, err := fs.Stat(b.files, dir); err != nil || !info.IsDir() {
		return ""
	}
	return dir
}

var word = regexp.MustCompile(`^(?:([a-z]+)=)?(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([^"'\s]\S*))(?:\s+|$)`)

// argument is one word of a comment: bare, or in quotes of either kind. In those everything stands for itself, but for \"
// in double ones.
type argument struct {
	name  string // of name="value"; empty for others
	value string
}

func arguments(comment string) ([]argument, error) {
	var list []argument
	for comment != "" {
		m := word.FindStringSubmatch(comment)
		if m == nil {
			return nil, fmt.Errorf("this can't be read: %s", comment)
		}
		list = append(list, argument{m[1], strings.ReplaceAll(m[2], `\"`, `"`) + m[3] + m[4]})
		comment = comment[len(m[0]):]
	}
	return list, nil
}
