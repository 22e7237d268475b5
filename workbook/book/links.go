package book

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/yuin/goldmark/ast"
)

// link is a link or a picture of a page.
type link struct {
	line      int
	target    string
	isPicture bool
	text      string // a picture's alt text
}

func (p *page) links() []link {
	var list []link
	p.walk(func(n ast.Node) {
		line := p.lineAt(max(n.Pos(), 0))
		switch n := n.(type) {
		case *ast.Link:
			list = append(list, link{line: line, target: string(n.Destination)})
		case *ast.AutoLink:
			list = append(list, link{line: line, target: string(n.URL(p.source))})
		case *ast.Image:
			list = append(list, link{line: line, target: string(n.Destination), isPicture: true, text: p.plainText(n)})
		}
	})
	return list
}

// inside is the path, from the repository's top, that a link of a page leads to, and the anchor there; ok is false for one
// that leads out of the repository.
func (p *page) inside(target string) (name, anchor string, ok bool) {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "" || u.Host != "" {
		return "", "", false
	}
	if u.Path == "" {
		return p.path, u.Fragment, true
	}
	return path.Join(path.Dir(p.path), u.Path), u.Fragment, true
}

// leastAltText is what a sentence about a picture takes at least, in bytes.
const leastAltText = 20

func (b *Book) checkLinks(p *page, wrong *problems) {
	for _, l := range p.links() {
		if l.isPicture && len(l.text) < leastAltText {
			wrong.add(l.line, "the picture %s has no alt text that says what it shows: %q", l.target, l.text)
		}
		var err error
		if name, anchor, ok := p.inside(l.target); ok {
			err = b.checkInside(name, anchor)
		} else {
			err = b.checkOutside(l.target)
		}
		if err != nil {
			wrong.add(l.line, "the link to %s: %v", l.target, err)
		}
	}
}

// checkInside looks for a file, or a directory, and for a heading in it.
func (b *Book) checkInside(name, anchor string) error {
	if !fs.ValidPath(name) {
		return errors.New("it leads out of the repository")
	}
	info, err := fs.Stat(b.files, name)
	if err != nil {
		return fmt.Errorf("there is no %s", name)
	}
	switch {
	case anchor == "":
		return nil
	case info.IsDir() || path.Ext(name) != ".md":
		return fmt.Errorf("an anchor can only be checked in a page, and %s is none", name)
	}
	target, err := b.readPage(name)
	if err != nil {
		return err
	}
	if !target.hasAnchor(anchor) {
		return fmt.Errorf("%s has no heading #%s", name, anchor)
	}
	return nil
}

//go:embed known
var known embed.FS

// table reads one of the files in known: a line has a name and, after blanks, a reason.
func table(name string) map[string]string {
	text, err := known.ReadFile("known/" + name)
	if err != nil {
		panic(err) // it is part of this program
	}
	reasons := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		if name, reason, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" {
			reasons[name] = strings.TrimSpace(reason)
		}
	}
	return reasons
}

var (
	pinned     = regexp.MustCompile(`^/[^/]+/[^/]+/(?:blob|tree|releases/tag)/(?:[a-z/]*v?[0-9][^/]*|[0-9a-f]{40})(?:/|$)`)
	repository = regexp.MustCompile(`^/[^/]+/[^/]+/?$`)
	manualLink = regexp.MustCompile(`^/linux/man-pages/man([1-8])/([A-Za-z0-9_.+-]+)\.([1-8])\.html$`)
)

// checkOutside goes by the form of a link alone: whether a page answers is nothing that a test may hang on.
func (b *Book) checkOutside(target string) error {
	u, err := url.Parse(target)
	if err != nil {
		return err
	}
	if u.Scheme != "https" {
		return errors.New("only https leads out of the repository")
	}
	if _, ok := table("hosts.txt")[u.Host]; !ok {
		return fmt.Errorf("%s is not among the hosts in workbook/book/known/hosts.txt", u.Host)
	}
	switch u.Host {
	case "github.com":
		if !pinned.MatchString(u.Path) && !repository.MatchString(u.Path) {
			return errors.New("it changes with its branch: name a tag, https://github.com/OWNER/NAME/blob/TAG/FILE")
		}
	case "man7.org":
		if m := manualLink.FindStringSubmatch(u.Path); m == nil || m[1] != m[3] || u.Fragment != "" {
			return errors.New("the form is https://man7.org/linux/man-pages/man7/namespaces.7.html")
		}
	}
	return nil
}
