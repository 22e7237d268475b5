package book

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// unpacked writes files to a directory, and returns the book there.
func unpacked(t *testing.T, files fstest.MapFS) *Book {
	t.Helper()
	root := t.TempDir()
	if err := os.CopyFS(root, files); err != nil {
		t.Fatal(err)
	}
	return Open(root)
}

func read(t *testing.T, b *Book, name string) string {
	t.Helper()
	text, err := fs.ReadFile(b.files, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestFill(t *testing.T) {
	const source = "package main\n\nimport \"fmt\"\n\n// x is one.\nconst (\n\tx = 1\n\ty = 2 /*\n```\n*/\n)\n\nfunc main() {\n\tif true {\n\t\tfmt.Println(\"one\")\n\t}\n}\n\ntype t[T any] struct{}\n\n// m does nothing.\nfunc (*t[T]) m() {}\n"
	for name, c := range map[string]struct{ page, want string }{
		"a function": {
			"Before.\n\n<!-- quote a/x.go main -->\n\nAfter.\n",
			"Before.\n\n<!-- quote a/x.go main -->\n```go\nfunc main() {\n\tif true {\n\t\tfmt.Println(\"one\")\n\t}\n}\n```\n\nAfter.\n",
		},
		"the end of a page": {
			"<!-- quote a/x.go header -->",
			"<!-- quote a/x.go header -->\n```go\npackage main\n\nimport \"fmt\"\n```\n",
		},
		"a line": {
			"<!-- quote a/x.go main \"fmt.\" -->\nAfter.\n",
			"<!-- quote a/x.go main \"fmt.\" -->\n```go\n\t\tfmt.Println(\"one\")\n```\nAfter.\n",
		},
		"lines": {
			"<!-- quote a/x.go main 'Println(\"one\")' \"}\" -->\n",
			"<!-- quote a/x.go main 'Println(\"one\")' \"}\" -->\n```go\n\t\tfmt.Println(\"one\")\n\t}\n```\n",
		},
		"a quotation mark": {
			`<!-- quote a/x.go main "Println(\"one\")" -->` + "\n",
			`<!-- quote a/x.go main "Println(\"one\")" -->` + "\n```go\n\t\tfmt.Println(\"one\")\n```\n",
		},
		"a group by any name, and fences in it": {
			"<!-- quote a/x.go y -->\n",
			"<!-- quote a/x.go y -->\n````go\n// x is one.\nconst (\n\tx = 1\n\ty = 2 /*\n```\n*/\n)\n````\n",
		},
		"a method": {
			"<!-- quote a/x.go t.m -->\n",
			"<!-- quote a/x.go t.m -->\n```go\n// m does nothing.\nfunc (*t[T]) m() {}\n```\n",
		},
		"what was there before": {
			"<!-- quote a/x.go t -->\n\n```go\nold\n```\n\n```console\n$ true\n```\n",
			"<!-- quote a/x.go t -->\n\n```go\ntype t[T any] struct{}\n```\n\n```console\n$ true\n```\n",
		},
		"an empty block": {
			"<!-- quote a/x.go t -->\n```go\n```\n",
			"<!-- quote a/x.go t -->\n```go\ntype t[T any] struct{}\n```\n",
		},
		"two in a row": {
			"<!-- quote a/x.go t -->\n<!-- quote a/x.go t.m \"func\" -->\n```go\nold\n```\n",
			"<!-- quote a/x.go t -->\n```go\ntype t[T any] struct{}\n```\n<!-- quote a/x.go t.m \"func\" -->\n```go\nfunc (*t[T]) m() {}\n```\n",
		},
		"odd blanks elsewhere": {
			"Before.  \r\n\n\n\n<!-- quote a/x.go t -->\n```go\ntype t[T any] struct{}\n```\n \n",
			"Before.  \r\n\n\n\n<!-- quote a/x.go t -->\n```go\ntype t[T any] struct{}\n```\n \n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := unpacked(t, fstest.MapFS{"a/x.go": {Data: []byte(source)}, "docs/page.md": {Data: []byte(c.page)}})
			changed, wrong, err := b.Fill("docs/page.md")
			if err != nil || len(wrong) > 0 || changed != (c.page != c.want) {
				t.Errorf("Fill says %v, %v, %v", changed, wrong, err)
			}
			if got := read(t, b, "docs/page.md"); got != c.want {
				t.Errorf("the page becomes\n%s\nwant\n%s", got, c.want)
			}
			w := &problems{page: "docs/page.md"}
			p, err := b.readPage("docs/page.md")
			if err != nil {
				t.Fatal(err)
			}
			if b.checkQuotes(p, b.quotes(p, w), w); len(w.list) > 0 {
				t.Errorf("what Fill has written is wrong: %v", w.list)
			}
		})
	}
}

func TestFillLeavesWhatIsWrong(t *testing.T) {
	const page = "<!-- quote x.go main -->\n```go\nold\n```\n<!-- quote a/y.go main -->\n<!-- quote a/x.go -->\n"
	b := unpacked(t, fstest.MapFS{"a/x.go": {Data: []byte("package x\n")}, "docs/page.md": {Data: []byte(page)}})
	changed, wrong, err := b.Fill("docs/page.md")
	if err != nil || changed {
		t.Errorf("Fill says %v, %v", changed, err)
	}
	want := []string{
		"docs/page.md:1: quote x.go main: this page is no step's chapter: name the file with its path from the repository's top",
		"docs/page.md:5: quote a/y.go main: there is no a/y.go",
		"docs/page.md:6: quote a/x.go: want FILE DECLARATION, and perhaps the text of the first and the last line in quotes",
	}
	for i := range max(len(want), len(wrong)) {
		if i >= len(want) || i >= len(wrong) || wrong[i].String() != want[i] {
			t.Fatalf("it is said:\n%v\nwant:\n%v", wrong, want)
		}
	}
}

// A renderer that needs no d2: a picture is its source, in capitals.
func capitals(_ context.Context, source, drawing string) error {
	text, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	if strings.Contains(string(text), "error") {
		return errors.New("this can't be drawn")
	}
	return os.WriteFile(drawing, []byte(strings.ToUpper(string(text))), 0o644)
}

func TestDraw(t *testing.T) {
	b := unpacked(t, fstest.MapFS{
		"docs/pictures/style.d2": {Data: []byte("style")},
		"docs/pictures/good.d2":  {Data: []byte("good")},
		"docs/pictures/good.svg": {Data: []byte("GOOD")},
		"docs/pictures/old.d2":   {Data: []byte("new")},
		"docs/pictures/old.svg":  {Data: []byte("OLD")},
		"docs/pictures/never.d2": {Data: []byte("never")},
		"docs/pictures/bad.d2":   {Data: []byte("error")},
	})
	bad := "docs/pictures/bad.d2: drawing it: this can't be drawn"
	for _, c := range []struct {
		fix  bool
		want []string
	}{
		{false, []string{
			bad,
			"docs/pictures/never.svg: it isn't what never.d2 draws: go run ./workbook book --pictures --fix",
			"docs/pictures/old.svg: it isn't what old.d2 draws: go run ./workbook book --pictures --fix",
		}},
		{true, []string{bad}},
		{false, []string{bad}},
	} {
		wrong, err := b.Draw(t.Context(), capitals, c.fix)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range wrong {
			got = append(got, p.String())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("with fix %v it is said:\n%s\nwant:\n%s", c.fix, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
	if got := read(t, b, "docs/pictures/old.svg"); got != "NEW" {
		t.Errorf("the drawing is %q", got)
	}
	if _, err := os.Stat(filepath.Join(b.root, "docs/pictures/style.svg")); err == nil {
		t.Error("the style was drawn")
	}
}

func TestSlug(t *testing.T) {
	for text, want := range map[string]string{
		"What leaks":                   "what-leaks",
		"/proc, pivot_root & “mounts”": "proc-pivot_root--mounts",
		"Grüße 2x":                     "grüße-2x",
		"a - b":                        "a---b",
	} {
		if got := slug(text); got != want {
			t.Errorf("slug(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestText(t *testing.T) {
	b := unpacked(t, fstest.MapFS{"docs/01-one.md": {Data: []byte(`# 1. One

<!-- vary="x" -->

Text with ![a picture
of *two* lines](pictures/a.svg) in it.

![Another.](pictures/b.svg)

<!-- quote one.go one -->
` + "```go\none\n```\n")}})
	const want = `# 1. One

Text with Picture: a picture of two lines (docs/pictures/a.svg) in it.

Picture: Another. (docs/pictures/b.svg)

` + "```go\none\n```\n"
	for _, chapter := range []string{"01", "01-one", "docs/01-one.md"} {
		if got, err := Text(b.root, chapter); err != nil || got != want {
			t.Errorf("Text of %s is\n%s\n%v, want\n%s", chapter, got, err, want)
		}
	}
	if _, err := Text(b.root, "02"); err == nil {
		t.Error("there is a chapter 02")
	}
}
