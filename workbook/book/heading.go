package book

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/yuin/goldmark/ast"
)

// heading is one of a page, with the anchor that GitHub gives it.
type heading struct {
	level  int
	text   string
	anchor string
	start  int // in the page's source
}

func (p *page) headings() []heading {
	var list []heading
	seen := make(map[string]int)
	p.walk(func(n ast.Node) {
		h, ok := n.(*ast.Heading)
		if !ok {
			return
		}
		text := strings.TrimSpace(p.plainText(h))
		anchor := slug(text)
		seen[anchor]++
		if n := seen[anchor] - 1; n > 0 {
			anchor = fmt.Sprintf("%s-%d", anchor, n) // as it does with one that was there before
		}
		list = append(list, heading{h.Level, text, anchor, max(h.Pos(), 0)})
	})
	return list
}

// slug is what GitHub makes of a heading: letters, digits, _ and - in lower case, with - for blanks.
func slug(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r):
			return unicode.ToLower(r)
		}
		return -1
	}, text)
}

// plainText is what a reader sees of a node.
func (p *page) plainText(n ast.Node) string {
	var out strings.Builder
	for child := n.FirstChild(); child != nil; child = child.NextSibling() {
		switch child := child.(type) {
		case *ast.Text:
			out.Write(child.Value(p.source))
			if child.SoftLineBreak() || child.HardLineBreak() {
				out.WriteByte(' ')
			}
		case *ast.String:
			out.Write(child.Value)
		case *ast.AutoLink:
			out.Write(child.Label(p.source))
		default:
			out.WriteString(p.plainText(child))
		}
	}
	return out.String()
}

// named finds the anchors that a page sets by hand, as the OCI specifications do.
var named = regexp.MustCompile(`<a (?:name|id)="([^"]+)"`)

// hasAnchor reports whether #anchor leads somewhere in a page.
func (p *page) hasAnchor(anchor string) bool {
	for _, h := range p.headings() {
		if h.anchor == anchor {
			return true
		}
	}
	for _, m := range named.FindAllSubmatch(p.source, -1) {
		if string(m[1]) == anchor {
			return true
		}
	}
	return false
}
