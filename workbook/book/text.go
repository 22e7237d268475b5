package book

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/yuin/goldmark/ast"
)

// Text is a page as a terminal can show it: Markdown without comments, and with each picture as what it shows and where it
// is. The chapter is a page's path, as docs/01-uts.md, or a part of that: 01-uts, or 01.
func Text(root, chapter string) (markdown string, err error) {
	return Open(root).text(chapter)
}

func (b *Book) text(chapter string) (string, error) {
	name := chapter
	if path.Ext(chapter) != ".md" {
		var found []string
		for _, pattern := range []string{"docs/" + chapter + ".md", "docs/" + chapter + "-*.md"} {
			matches, err := fs.Glob(b.files, pattern)
			if err != nil {
				return "", err
			}
			found = append(found, matches...)
		}
		if len(found) == 0 {
			return "", fmt.Errorf("the book has no chapter %s", chapter)
		}
		name = found[0]
	}
	p, err := b.readPage(name)
	if err != nil {
		return "", err
	}
	return p.forTerminal(), nil
}

// cut is a piece of the source, and what stands there instead.
type cut struct {
	start, end int
	instead    string
}

func (p *page) forTerminal() string {
	var cuts []cut
	for _, part := range p.parts {
		if !part.isComment {
			continue
		}
		end := part.end
		if empty := p.lineEnd(end); len(bytes.TrimSpace(p.source[end:empty])) == 0 {
			end = empty // or there would be two empty lines
		}
		cuts = append(cuts, cut{part.start, end, ""})
	}
	p.walk(func(n ast.Node) {
		if image, ok := n.(*ast.Image); ok {
			cuts = append(cuts, p.describe(image))
		}
	})
	slices.SortFunc(cuts, func(a, b cut) int { return a.start - b.start })
	var out strings.Builder
	done := 0
	for _, c := range cuts {
		out.Write(p.source[done:c.start])
		out.WriteString(c.instead)
		done = c.end
	}
	out.Write(p.source[done:])
	return out.String()
}

// describe puts a picture's alt text in its place.
func (p *page) describe(image *ast.Image) cut {
	target, _, ok := p.inside(string(image.Destination))
	if !ok {
		target = string(image.Destination)
	}
	c := cut{start: image.Pos(), instead: fmt.Sprintf("Picture: %s (%s)", p.plainText(image), target)}
	c.end = c.start
	if last, ok := image.LastChild().(*ast.Text); ok {
		c.end = last.Segment.Stop
	}
	if n := bytes.IndexByte(p.source[c.end:], ')'); n >= 0 {
		c.end += n + 1
	}
	return c
}
