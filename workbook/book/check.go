package book

import (
	"context"
	"errors"
	"io/fs"
	"os/exec"
	"path"
	"slices"
	"strings"
)

// Pages are those of the book itself, by their paths from the repository's top: quotes and transcripts are theirs alone.
func (b *Book) Pages() ([]string, error) {
	names, err := b.pages()
	return slices.DeleteFunc(names, func(name string) bool { return !inBook(name) }), err
}

func inBook(name string) bool { return strings.HasPrefix(name, "docs/") }

// pages are all pages that are checked, by their paths from the repository's top.
func (b *Book) pages() ([]string, error) {
	var list []string
	for _, name := range []string{"README.md", "CONTRIBUTING.md"} {
		if _, err := fs.Stat(b.files, name); err == nil {
			list = append(list, name)
		}
	}
	for _, dir := range []string{"docs", "steps"} {
		err := fs.WalkDir(b.files, dir, func(name string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil && path.Ext(name) == ".md" && (dir == "docs" || strings.Contains(name, "/exercises/")) {
				list = append(list, name)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// checkPage holds a page against what is in the repository.
func (b *Book) checkPage(p *page, wrong *problems) {
	b.checkLinks(p, wrong)
	checkTornLinks(p, wrong)
	checkCVEs(p, wrong)
	if !inBook(p.path) {
		return
	}
	quotes := b.quotes(p, wrong)
	b.checkQuotes(p, quotes, wrong)
	b.checkCover(p, quotes, wrong)
	b.checkShape(p, wrong)
	b.checkMessages(p, wrong)
	p.transcripts(wrong)
}

// Check holds one page against the repository, the manual and the specifications, and runs its transcripts. It says what
// is wrong, and what can't be checked on this machine.
func (b *Book) Check(ctx context.Context, name string) (wrong []Problem, skipped []string, err error) {
	p, err := b.readPage(name)
	if err != nil {
		return nil, nil, err
	}
	w := &problems{page: name}
	b.checkPage(p, w)
	if b.hasManual() {
		b.checkManual(p, w)
	} else {
		skipped = append(skipped, name+": manual pages not checked: the programs man and the pages of manpages-dev are missing")
	}
	if _, err := exec.LookPath("go"); err == nil {
		b.checkSpecifications(p, w)
	}
	if inBook(name) {
		more, err := b.checkTranscripts(ctx, p, p.transcripts(&problems{}), w)
		if err != nil {
			return nil, nil, err
		}
		skipped = append(skipped, more...)
	}
	return sorted(w.list), skipped, nil
}

// CheckAll checks every page, the ways between them, and the pictures.
func (b *Book) CheckAll(ctx context.Context) (wrong []Problem, skipped []string, err error) {
	names, err := b.pages()
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		found, missed, err := b.Check(ctx, name)
		if err != nil {
			return nil, nil, err
		}
		wrong, skipped = slices.Concat(wrong, found), slices.Concat(skipped, missed)
	}
	wrong = slices.Concat(wrong, b.checkReached())
	found, err := b.checkPictures()
	return slices.Concat(wrong, found), skipped, err
}
