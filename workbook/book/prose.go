package book

import (
	"regexp"
	"strings"

	"github.com/yuin/goldmark/ast"
)

// paragraph is prose without code, from one block of a page.
type paragraph struct {
	line int // of its first line
	text string
}

func (t *paragraph) lineAt(offset int) int { return t.line + strings.Count(t.text[:offset], "\n") }

// prose returns a page's text. Of code in a line only a single word stays, which may be cited, as in `clone`(2).
func (p *page) prose() []paragraph {
	var list []paragraph
	p.walk(func(n ast.Node) {
		if n.Type() != ast.TypeBlock || n.FirstChild() == nil || n.FirstChild().Type() != ast.TypeInline {
			return
		}
		list = append(list, paragraph{p.lineAt(max(n.Pos(), 0)), p.proseOf(n)})
	})
	return list
}

var citable = regexp.MustCompile(`^[A-Za-z0-9_.+-]+(\([1-8]\))?$`)

func (p *page) proseOf(n ast.Node) string {
	var out strings.Builder
	for child := n.FirstChild(); child != nil; child = child.NextSibling() {
		switch child := child.(type) {
		case *ast.Text:
			out.Write(child.Value(p.source))
			if child.SoftLineBreak() || child.HardLineBreak() {
				out.WriteByte('\n')
			}
		case *ast.CodeSpan:
			if code := p.plainText(child); citable.MatchString(code) {
				out.WriteString(code)
			} else {
				out.WriteString(" " + strings.Repeat("\n", strings.Count(code, "\n")))
			}
		case *ast.AutoLink, *ast.RawHTML:
			out.WriteByte(' ')
		default:
			out.WriteString(p.proseOf(child))
		}
	}
	return out.String()
}

var (
	cve     = regexp.MustCompile(`\bCVE[-\w]*`)
	goodCVE = regexp.MustCompile(`^CVEs?$|^CVE-(?:1999|20[0-9]{2})-[0-9]{4,7}$`)
)

// checkCVEs goes by the form of the numbers.
func checkCVEs(p *page, wrong *problems) {
	for _, t := range p.prose() {
		for _, m := range cve.FindAllStringIndex(t.text, -1) {
			if id := t.text[m[0]:m[1]]; !goodCVE.MatchString(id) {
				wrong.add(t.lineAt(m[0]), "%s is no number of a CVE: the form is CVE-2019-5736", id)
			}
		}
	}
}

// torn finds brackets of a link in what a reader sees as text.
var torn = regexp.MustCompile(`\][\[(]`)

func checkTornLinks(p *page, wrong *problems) {
	for _, t := range p.prose() {
		for _, m := range torn.FindAllStringIndex(t.text, -1) {
			wrong.add(t.lineAt(m[0]), "this was to be a link, and is none: %s", lineOf(t.text, m[0]))
		}
	}
}

// lineOf is the line of a text in which the byte at offset stands.
func lineOf(text string, offset int) string {
	start := strings.LastIndexByte(text[:offset], '\n') + 1
	rest, _, _ := strings.Cut(text[start:], "\n")
	return rest
}
