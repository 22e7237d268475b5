package book

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// sections are the headings of a step's chapter.
var sections = []string{
	"What leaks", "The mechanism", "The code", "Run it", "Break it", "What is still missing", "Exercises", "In the real world",
}

// steps is how many chapters have a step, from the first on. Those after them are about final/.
const steps = 9

var numbered = regexp.MustCompile(`^docs/([0-9][0-9])-`)

// checkShape looks whether a chapter has the parts that each has.
func (b *Book) checkShape(p *page, wrong *problems) {
	m := numbered.FindStringSubmatch(p.path)
	if m == nil {
		return
	}
	headings := p.headings()
	number, _ := strconv.Atoi(m[1])
	if !isTitle(headings, number) {
		wrong.add(1, "a chapter's first line is its title: # %d. TITLE", number)
	}
	b.checkWayOn(p, wrong)
	if number == 0 || number > steps {
		return // it has no step, and a shape of its own
	}
	var have []string
	for _, h := range headings {
		if h.level == 2 {
			have = append(have, h.text)
		}
	}
	for _, section := range sections {
		if !slices.Contains(have, section) {
			wrong.add(0, "the section %q is missing", section)
		}
	}
	for _, section := range have {
		if !slices.Contains(sections, section) {
			wrong.add(0, "a chapter has no section %q: ### begins a part of one", section)
		}
	}
	common := slices.DeleteFunc(slices.Clone(sections), func(s string) bool { return !slices.Contains(have, s) })
	have = slices.DeleteFunc(have, func(s string) bool { return !slices.Contains(sections, s) })
	if !slices.Equal(have, common) {
		wrong.add(0, "the sections are in another order than in each chapter: %s", strings.Join(have, ", "))
	}
	b.checkExercises(p, wrong)
}

func isTitle(headings []heading, number int) bool {
	if len(headings) == 0 || headings[0].level != 1 || headings[0].start != 0 {
		return false
	}
	begin, _, ok := strings.Cut(headings[0].text, ". ")
	return ok && begin == strconv.Itoa(number)
}

// checkWayOn wants the next chapter linked in the last paragraph, or where there is none any page of the book.
func (b *Book) checkWayOn(p *page, wrong *problems) {
	text := strings.TrimRight(string(p.source), "\n")
	line := p.lineAt(strings.LastIndex("\n\n"+text, "\n\n"))
	chapters, _ := fs.Glob(b.files, "docs/[0-9][0-9]-*.md") // an error would be one of the pattern
	next := ""
	if i := slices.Index(chapters, p.path); i >= 0 && i+1 < len(chapters) {
		next = chapters[i+1]
	}
	for _, l := range p.links() {
		name, _, ok := p.inside(l.target)
		if l.line >= line && ok && (name == next || next == "" && path.Ext(name) == ".md") {
			return
		}
	}
	if next == "" {
		next = "another page of the book"
	}
	wrong.add(line, "the end doesn't link to %s", next)
}

// checkExercises wants each exercise of the step linked in the section about them.
func (b *Book) checkExercises(p *page, wrong *problems) {
	from, to := len(p.source), len(p.source)
	for _, h := range p.headings() {
		if h.level == 2 && h.text == "Exercises" {
			from = h.start
		} else if h.level <= 2 && h.start > from {
			to = min(to, h.start)
		}
	}
	linked := make(map[string]bool)
	for _, l := range p.links() {
		if name, _, ok := p.inside(l.target); ok && l.line >= p.lineAt(from) && l.line < p.lineAt(to) {
			linked[strings.TrimSuffix(name, "/README.md")] = true
		}
	}
	exercises, _ := fs.Glob(b.files, path.Join("steps", strings.TrimSuffix(path.Base(p.path), ".md"), "exercises", "[0-9]*"))
	for _, exercise := range exercises {
		if info, err := fs.Stat(b.files, exercise); err == nil && info.IsDir() && !linked[exercise] {
			wrong.add(p.lineAt(from), "the section Exercises doesn't link to %s", exercise)
		}
	}
}

// contents is the page from which all others can be reached.
const contents = "docs/README.md"

// checkReached looks whether a reader comes to every page of the book by following links from its contents, and there
// from the repository's front page.
func (b *Book) checkReached() []Problem {
	var wrong []Problem
	front, err := b.readPage("README.md")
	if err != nil {
		return []Problem{{Page: "README.md", Text: err.Error()}}
	}
	reached := map[string]bool{contents: true}
	if !slices.Contains(b.pagesLinked(front), contents) {
		wrong = append(wrong, Problem{Page: front.path, Text: fmt.Sprintf("it doesn't link to %s", contents)})
	}
	for queue := []string{contents}; len(queue) > 0; queue = queue[1:] {
		p, err := b.readPage(queue[0])
		if err != nil {
			continue // a dead link, which is another check's
		}
		for _, name := range b.pagesLinked(p) {
			if !reached[name] {
				reached[name] = true
				queue = append(queue, name)
			}
		}
	}
	pages, err := b.pages()
	if err != nil {
		return []Problem{{Page: "docs", Text: err.Error()}}
	}
	for _, name := range pages {
		if inBook(name) && !reached[name] {
			wrong = append(wrong, Problem{Page: name, Text: fmt.Sprintf("no way leads here from %s", contents)})
		}
	}
	return wrong
}

// pagesLinked are the pages that a page links to. A link to a directory is one to its README.
func (b *Book) pagesLinked(p *page) []string {
	var list []string
	for _, l := range p.links() {
		name, _, ok := p.inside(l.target)
		if !ok {
			continue
		}
		if info, err := fs.Stat(b.files, name); err == nil && info.IsDir() {
			name = path.Join(name, "README.md")
		}
		if path.Ext(name) == ".md" {
			list = append(list, name)
		}
	}
	return list
}
