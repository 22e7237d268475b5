package book

import (
	"cmp"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

// outside is what pages are held against beyond the repository. Not every machine has all of it.
type outside struct {
	manual func(section, name string) bool          // reports whether there is such a page
	module func(name string) (dir fs.FS, err error) // a module's files, in the version of go.mod
}

// installed is what this machine has, and the module whose top directory is root.
func installed(root string) outside {
	known := make(map[string]bool)
	return outside{
		manual: func(section, name string) bool {
			page := name + "(" + section + ")"
			if _, ok := known[page]; !ok {
				known[page] = exec.Command("man", "-w", section, name).Run() == nil
			}
			return known[page]
		},
		module: func(name string) (fs.FS, error) {
			out, err := exec.Command("go", "-C", root, "list", "-m", "-f", "{{.Dir}}", name).Output()
			dir := strings.TrimSpace(string(out))
			if err != nil || dir == "" {
				return nil, fmt.Errorf("looking for the module %s: %w: go mod download fetches it", name, cmp.Or(err, fs.ErrNotExist))
			}
			return os.DirFS(dir), nil
		},
	}
}

// hasManual reports whether the manual is installed here, with the pages about the kernel.
func (o outside) hasManual() bool { return o.manual("2", "clone") && o.manual("7", "namespaces") }

var citation = regexp.MustCompile(`\b([A-Za-z_][A-Za-z0-9_.+-]*)\(([1-8])\)`)

// checkManual looks for each page of the manual that a page cites, as name(7) or by a link.
func (b *Book) checkManual(p *page, wrong *problems) {
	exists := func(line int, name, section string) {
		cited := name + "(" + section + ")"
		if _, ok := table("manual.txt")[cited]; !ok && !b.manual(section, name) {
			wrong.add(line, "there is no manual page %s: man -w %s %s finds none, and workbook/book/known/manual.txt doesn't have it",
				cited, section, name)
		}
	}
	for _, t := range p.prose() {
		for _, m := range citation.FindAllStringSubmatchIndex(t.text, -1) {
			exists(t.lineAt(m[0]), t.text[m[2]:m[3]], t.text[m[4]:m[5]])
		}
	}
	for _, l := range p.links() {
		u, err := url.Parse(l.target)
		if err != nil || u.Host != "man7.org" {
			continue
		}
		if m := manualLink.FindStringSubmatch(u.Path); m != nil {
			exists(l.line, m[2], m[3])
		}
	}
}

var specification = regexp.MustCompile(`^/(opencontainers/(?:image|runtime)-spec)/blob/([^/]+)/(.+)$`)

// checkSpecifications follows each link to an OCI specification into the module that has its text: the version must be
// the one that go.mod has, and the file and the heading must be there.
func (b *Book) checkSpecifications(p *page, wrong *problems) {
	for _, l := range p.links() {
		u, err := url.Parse(l.target)
		if err != nil || u.Host != "github.com" {
			continue
		}
		m := specification.FindStringSubmatch(u.Path)
		if m == nil {
			continue
		}
		if err := b.checkClause("github.com/"+m[1], m[2], m[3], u.Fragment); err != nil {
			wrong.add(l.line, "the link to %s: %v", l.target, err)
		}
	}
}

func (b *Book) checkClause(module, tag, file, anchor string) error {
	version, err := b.required(module)
	if err != nil {
		return err
	}
	if tag != version {
		return fmt.Errorf("go.mod has %s", version)
	}
	files, err := b.module(module)
	if err != nil {
		return err
	}
	text, err := fs.ReadFile(files, file)
	if err != nil {
		return fmt.Errorf("the specification has no file %s", file)
	}
	if anchor != "" && !parsePage(file, text).hasAnchor(anchor) {
		return fmt.Errorf("%s has no heading #%s", file, anchor)
	}
	return nil
}

// required is the version of a module in go.mod.
func (b *Book) required(module string) (string, error) {
	text, err := fs.ReadFile(b.files, "go.mod")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(strings.TrimPrefix(line, "require ")); len(fields) >= 2 && fields[0] == module {
			return fields[1], nil
		}
	}
	return "", fmt.Errorf("go.mod doesn't require %s", module)
}
