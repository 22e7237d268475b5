package book

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

const (
	picturesDir = "docs/pictures"
	styleFile   = picturesDir + "/style.d2" // what all pictures begin with, and no picture itself
)

// sources are the pictures' source files.
func (b *Book) sources() ([]string, error) {
	list, err := fs.Glob(b.files, picturesDir+"/*.d2")
	return slices.DeleteFunc(list, func(name string) bool { return name == styleFile }), err
}

func drawing(source string) string { return strings.TrimSuffix(source, ".d2") + ".svg" }

// checkPictures looks whether each picture has both its files and is shown by a page. Whether the one is what the other
// draws is for Draw to say.
func (b *Book) checkPictures() ([]Problem, error) {
	sources, err := b.sources()
	if err != nil {
		return nil, err
	}
	drawings, err := fs.Glob(b.files, picturesDir+"/*.svg")
	if err != nil {
		return nil, err
	}
	shown, err := b.picturesShown()
	if err != nil {
		return nil, err
	}
	var wrong []Problem
	for _, name := range sources {
		if !slices.Contains(drawings, drawing(name)) {
			wrong = append(wrong, Problem{Page: name, Text: "it isn't drawn: " + repairPictures})
		}
	}
	for _, name := range drawings {
		if source := strings.TrimSuffix(name, ".svg") + ".d2"; !slices.Contains(sources, source) {
			wrong = append(wrong, Problem{Page: name, Text: fmt.Sprintf("its source %s is missing", path.Base(source))})
		}
		if !shown[name] {
			wrong = append(wrong, Problem{Page: name, Text: "no page shows this picture"})
		}
	}
	return wrong, nil
}

const repairPictures = "go run ./workbook book --pictures --fix"

func (b *Book) picturesShown() (map[string]bool, error) {
	names, err := b.pages()
	if err != nil {
		return nil, err
	}
	shown := make(map[string]bool)
	for _, name := range names {
		p, err := b.readPage(name)
		if err != nil {
			return nil, err
		}
		for _, l := range p.links() {
			if target, _, ok := p.inside(l.target); ok && l.isPicture {
				shown[target] = true
			}
		}
	}
	return shown, nil
}

// A Renderer draws the picture of a source file, and writes it to another. Both are absolute paths.
type Renderer func(ctx context.Context, source, drawing string) error

// D2 draws with d2, in the version that docs/pictures/go.mod has.
func (b *Book) D2(ctx context.Context, source, drawing string) error {
	d2 := exec.CommandContext(ctx, "go", "-C", filepath.Join(b.root, picturesDir), "tool", "d2", source, drawing)
	if out, err := d2.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// Draw draws every picture anew and compares it with the one that is there. With fix it puts the new one in its place.
func (b *Book) Draw(ctx context.Context, render Renderer, fix bool) ([]Problem, error) {
	sources, err := b.sources()
	if err != nil {
		return nil, err
	}
	scratch, err := os.MkdirTemp("", "stave-pictures-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	root, err := filepath.Abs(b.root)
	if err != nil {
		return nil, err
	}
	var wrong []Problem
	for _, source := range sources {
		fresh := filepath.Join(scratch, path.Base(drawing(source)))
		kept := filepath.Join(root, filepath.FromSlash(drawing(source)))
		if err := render(ctx, filepath.Join(root, filepath.FromSlash(source)), fresh); err != nil {
			wrong = append(wrong, Problem{Page: source, Text: fmt.Sprintf("drawing it: %v", err)})
			continue
		}
		want, err := os.ReadFile(fresh)
		if err != nil {
			return wrong, err
		}
		got, err := os.ReadFile(kept)
		switch {
		case err == nil && bytes.Equal(got, want):
		case fix:
			if err := os.WriteFile(kept, want, 0o644); err != nil {
				return wrong, err
			}
		default:
			wrong = append(wrong, Problem{Page: drawing(source), Text: fmt.Sprintf("it isn't what %s draws: %s", path.Base(source), repairPictures)})
		}
	}
	return wrong, nil
}
