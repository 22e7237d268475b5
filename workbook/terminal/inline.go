package terminal

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/util"
)

// word is what stays together on a line; its parts may look different.
type word struct {
	parts []part
	ends  bool // the line ends after it
}

type part struct {
	text string
	look paint
}

func (w word) width() int {
	n := 0
	for _, p := range w.parts {
		n += utf8.RuneCountInString(p.text)
	}
	return n
}

func (w word) String() string {
	var b strings.Builder
	for _, p := range w.parts {
		b.WriteString(p.look.on(p.text))
	}
	return b.String()
}

// escape is an escape sequence of ours.
var escape = regexp.MustCompile("\x1b\\[[0-9;]*m")

// width is how many columns a text takes. Nothing in the book is wider than a column a character.
func width(text string) int { return utf8.RuneCountInString(escape.ReplaceAllString(text, "")) }

// wrap fills lines with words: the first as wide as first, all others as rest. A word that is too long stands alone.
func wrap(words []word, first, rest int) []string {
	var lines []string
	var line strings.Builder
	used, room := 0, first
	end := func() {
		lines = append(lines, line.String())
		line.Reset()
		used, room = 0, rest
	}
	for _, w := range words {
		n := w.width()
		if used > 0 && used+1+n > room {
			end()
		}
		if used > 0 {
			line.WriteByte(' ')
			used++
		}
		line.WriteString(w.String())
		used += n
		if w.ends {
			end()
		}
	}
	if used > 0 {
		end()
	}
	return lines
}

// words are those of a block's running text.
func (r *renderer) words(n ast.Node) []word {
	c := collector{r: r, apart: true}
	c.children(n, "")
	return c.words
}

// collector splits running text into words. Text without a blank between belongs to one word, also where its look changes.
type collector struct {
	r     *renderer
	words []word
	apart bool // a blank has been seen since the last word
}

func (c *collector) children(parent ast.Node, look paint) {
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		c.node(n, look)
	}
}

func (c *collector) node(n ast.Node, look paint) {
	switch n := n.(type) {
	case *ast.Text:
		c.text(string(util.UnescapePunctuations(util.ResolveEntityNames(util.ResolveNumericReferences(n.Segment.Value(c.r.source))))), look)
		if n.SoftLineBreak() {
			c.apart = true
		}
		if n.HardLineBreak() && len(c.words) > 0 {
			c.words[len(c.words)-1].ends, c.apart = true, true
		}
	case *ast.String:
		c.text(string(n.Value), look)
	case *ast.CodeSpan:
		c.marked("`", n, look.with(c.r.look.code))
	case *ast.Emphasis:
		if n.Level == 1 {
			c.marked("*", n, look.with(c.r.look.emphasis))
		} else {
			c.marked("**", n, look.with(c.r.look.strong))
		}
	case *ast.Link:
		c.children(n, look.with(c.r.look.link))
		c.note(string(n.Destination))
	case *ast.AutoLink:
		c.text(string(n.URL(c.r.source)), look.with(c.r.look.link))
	case *ast.Image:
		c.text("[Picture: ", c.r.look.dim)
		c.children(n, c.r.look.dim)
		c.text(" ("+string(n.Destination)+")]", c.r.look.dim)
	case *ast.RawHTML:
	case *extast.TaskCheckBox:
		c.text(map[bool]string{true: "[x] ", false: "[ ] "}[n.IsChecked], look)
	default:
		c.children(n, look)
	}
}

// marked adds what is in n. Where there are no colours it keeps its mark.
func (c *collector) marked(mark string, n ast.Node, look paint) {
	if !c.r.plain {
		mark = ""
	}
	c.text(mark, look)
	c.children(n, look)
	c.text(mark, look)
}

func (c *collector) text(text string, look paint) {
	for len(text) > 0 {
		trimmed := strings.TrimLeft(text, " \t\n")
		if len(trimmed) < len(text) {
			c.apart = true
		}
		end := strings.IndexAny(trimmed, " \t\n")
		if end < 0 {
			end = len(trimmed)
		}
		if end > 0 {
			if c.apart {
				c.words = append(c.words, word{})
			}
			last := &c.words[len(c.words)-1]
			last.parts = append(last.parts, part{trimmed[:end], look})
			c.apart = false
		}
		text = trimmed[end:]
	}
}

// note numbers a link that leads out of the book. A manual page is found by its name.
func (c *collector) note(destination string) {
	if !strings.HasPrefix(destination, "https://") || strings.HasPrefix(destination, "https://man7.org/") {
		return
	}
	i := slices.Index(c.r.links, destination)
	if i < 0 {
		i = len(c.r.links)
		c.r.links = append(c.r.links, destination)
	}
	c.text(fmt.Sprintf("[%d]", i+1), c.r.look.dim)
}
