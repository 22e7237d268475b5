package terminal

import (
	"fmt"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
)

// Widest is the most columns that running text is set in: longer lines are hard to read.
const Widest = 100

// Render turns Markdown into text for a terminal of so many columns.
func Render(markdown string, style Style, columns int) string {
	source := []byte(markdown)
	document := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(source))
	r := renderer{source: source, plain: style == Plain, look: palettes[style], width: min(columns, Widest)}
	r.blocks(document, "", "", false)
	r.listLinks()
	return r.out.String()
}

// renderer writes blocks, one after the other.
type renderer struct {
	source []byte
	plain  bool
	look   palette
	width  int
	out    strings.Builder
	links  []string // that lead out of the book
}

// line writes one line.
func (r *renderer) line(text string) {
	r.out.WriteString(strings.TrimRight(text, " ") + "\n")
}

// blocks writes the blocks in a block, with an empty line between them unless it is to be tight. The first of all lines
// begins with first, the others with rest.
func (r *renderer) blocks(parent ast.Node, first, rest string, tight bool) {
	some := false
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		if n.Kind() == ast.KindHTMLBlock { // comments, which are for the tools that check the book
			continue
		}
		if some && !tight {
			r.line(rest)
		}
		some = true
		r.block(n, first, rest)
		first = rest
	}
}

func (r *renderer) block(n ast.Node, first, rest string) {
	switch n := n.(type) {
	case *ast.Heading:
		r.heading(n)
	case *ast.List:
		r.list(n, first, rest)
	case *ast.Blockquote:
		r.blocks(n, first+"│ ", rest+"│ ", false)
	case *ast.FencedCodeBlock:
		r.code(n, string(n.Language(r.source)), rest)
	case *ast.CodeBlock:
		r.code(n, "", rest)
	case *ast.ThematicBreak:
		r.line(rest + r.look.dim.on(strings.Repeat("─", r.width-len(rest))))
	case *extast.Table:
		r.table(n)
	default: // paragraphs, and the bare text of a list's items
		for _, l := range wrap(r.words(n), r.width-width(first), r.width-width(rest)) {
			r.line(first + l)
			first = rest
		}
	}
}

func (r *renderer) heading(n *ast.Heading) {
	look := r.look.heading
	if n.Level == 1 {
		look = r.look.title
	}
	words := r.words(n)
	for i := range words {
		for j := range words[i].parts {
			words[i].parts[j].look = look.with(words[i].parts[j].look)
		}
	}
	lines := wrap(words, r.width, r.width)
	for _, l := range lines {
		r.line(l)
	}
	under := map[int]string{1: "═", 2: "─"}[n.Level]
	if under == "" || len(lines) == 0 {
		return
	}
	r.line(look.on(strings.Repeat(under, width(lines[len(lines)-1]))))
}

func (r *renderer) list(n *ast.List, first, rest string) {
	number := n.Start
	for item := n.FirstChild(); item != nil; item = item.NextSibling() {
		mark := "• "
		if n.IsOrdered() {
			mark = fmt.Sprintf("%d. ", number)
			number++
		}
		if item != n.FirstChild() && !n.IsTight {
			r.line(rest)
		}
		r.blocks(item, first+mark, rest+strings.Repeat(" ", width(mark)), n.IsTight)
		first = rest
	}
}

// code writes program text or a transcript as it is, a little to the right.
func (r *renderer) code(n ast.Node, language, rest string) {
	var b strings.Builder
	for i := range n.Lines().Len() {
		segment := n.Lines().At(i)
		b.Write(segment.Value(r.source))
	}
	tab := 8
	if language == "go" {
		tab = 4 // gofmt's tabs are indentation, of which a terminal would make too much
	}
	content := expand(strings.TrimRight(b.String(), "\n"), tab)
	if !r.plain {
		switch language {
		case "go":
			content = r.golang(content)
		case "console":
			content = r.console(content)
		}
	}
	for l := range strings.SplitSeq(content, "\n") {
		r.line(rest + "    " + l)
	}
}

// expand puts blanks for tabs: the text is moved to the right, where a terminal's own stops are no longer its own.
func expand(content string, tab int) string {
	var out strings.Builder
	column := 0
	for _, c := range content {
		switch c {
		case '\t':
			n := tab - column%tab
			out.WriteString(strings.Repeat(" ", n))
			column += n
		case '\n':
			out.WriteRune(c)
			column = 0
		default:
			out.WriteRune(c)
			column++
		}
	}
	return out.String()
}

// console makes what is typed stand out from what comes back.
func (r *renderer) console(content string) string {
	lines := strings.Split(content, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, "$ ") || strings.HasPrefix(l, "> ") {
			lines[i] = r.look.dim.on(l[:2]) + r.look.prompt.on(l[2:])
		}
	}
	return strings.Join(lines, "\n")
}

// listLinks ends the page with where its numbered links lead.
func (r *renderer) listLinks() {
	if len(r.links) == 0 {
		return
	}
	r.line("")
	for i, l := range r.links {
		r.line(r.look.dim.on(fmt.Sprintf("[%d] %s", i+1, l)))
	}
}
