package book

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Fill writes the quoted code after each marker of a page and reports whether that changed the page. All else stays as
// it is, and so does the block of a marker that can't be resolved.
func (b *Book) Fill(name string) (changed bool, wrong []Problem, err error) {
	p, err := b.readPage(name)
	if err != nil {
		return false, nil, err
	}
	w := &problems{page: name}
	filled := p.fill(b.quotes(p, w))
	changed, err = b.replace(p, filled)
	return changed, w.list, err
}

// fill returns the page with the code in it.
func (p *page) fill(quotes []quote) []byte {
	var out bytes.Buffer
	done := 0
	for _, q := range quotes {
		block, ok := p.next(q.index)
		if !ok || block.language != "go" {
			block.start, block.end = q.marker.end, q.marker.end
		}
		out.Write(p.source[done:block.start])
		if !bytes.HasSuffix(out.Bytes(), []byte("\n")) {
			out.WriteByte('\n') // the marker was the last line, without an end
		}
		out.WriteString(fenced("go", q.code))
		done = block.end
	}
	out.Write(p.source[done:])
	return out.Bytes()
}

// fenced puts a text between fences that are longer than any in it.
func fenced(language, text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + language + "\n" + text + fence + "\n"
}

// replace writes a page anew, if it is to change.
func (b *Book) replace(p *page, source []byte) (changed bool, err error) {
	if bytes.Equal(source, p.source) {
		return false, nil
	}
	if err := os.WriteFile(filepath.Join(b.root, filepath.FromSlash(p.path)), source, 0o644); err != nil {
		return false, fmt.Errorf("writing a page of the book: %w", err)
	}
	return true, nil
}
