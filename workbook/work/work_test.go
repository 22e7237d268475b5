package work

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"stave/workbook/exercise"
)

func open(t *testing.T) (*Folder, string, *strings.Builder) {
	t.Helper()
	root := t.TempDir()
	var warnings strings.Builder
	f, err := Open(root, &warnings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, root, &warnings
}

func TestStart(t *testing.T) {
	f, root, _ := open(t)
	files := exercise.Files{"main.go": []byte("package main\n")}
	if f.Started("01.1") {
		t.Error("it has been started before it was")
	}
	if err := f.Start("01.1", files); err != nil {
		t.Fatal(err)
	}
	if got, err := f.Files("01.1"); err != nil || string(got["main.go"]) != "package main\n" {
		t.Errorf("the copy is %q, %v", got, err)
	}
	if err := f.Start("01.1", nil); !errors.Is(err, ErrStarted) {
		t.Errorf("starting again: %v", err)
	}
	for i := range 3 {
		aside, err := f.SetAside("01.1")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(root, aside, "main.go")); err != nil {
			t.Errorf("set aside the %d. time: %v", i+1, err)
		}
		if err := f.Start("01.1", files); err != nil {
			t.Fatal(err)
		}
	}
}

// A folder that is a link to somewhere else is no place to write to.
func TestFolderIsInTheClone(t *testing.T) {
	f, root, _ := open(t)
	elsewhere := t.TempDir()
	if err := os.Symlink(elsewhere, filepath.Join(root, "work")); err != nil {
		t.Fatal(err)
	}
	if err := f.Start("01.1", exercise.Files{"main.go": nil}); err == nil {
		t.Error("a copy was made outside the clone")
	}
	if entries, err := os.ReadDir(elsewhere); err != nil || len(entries) > 0 {
		t.Errorf("outside the clone there is %v, %v", entries, err)
	}
}

// Changes at the same time all count, and whoever reads meanwhile reads a whole file.
func TestChangesAddUp(t *testing.T) {
	f, _, warnings := open(t)
	const many = 20
	var group sync.WaitGroup
	for i := range many {
		group.Go(func() {
			if err := f.Change(func(p *Progress) { p.At("01.1").Hints++; p.MarkRead(fmt.Sprintf("%02d", i%3)) }); err != nil {
				t.Error(err)
			}
			if _, err := f.Progress(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	p, err := f.Progress()
	if err != nil {
		t.Fatal(err)
	}
	if p.Of("01.1").Hints != many || len(p.Read) != 3 || warnings.Len() > 0 {
		t.Errorf("progress is %+v, read %v; warnings: %s", p.Of("01.1"), p.Read, warnings)
	}
}

func TestProgressIsKept(t *testing.T) {
	f, root, _ := open(t)
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := f.Change(func(p *Progress) { p.Last = "01.2"; p.At("01.1").Passed = now }); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "work", "progress.json"))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
	"last": "01.2",
	"exercises": {
		"01.1": {
			"passed": "2026-01-02T03:04:05Z"
		}
	}
}
`
	if string(text) != want {
		t.Errorf("progress.json is\n%s\nwant\n%s", text, want)
	}
	p, err := f.Progress()
	if err != nil || !p.Passed("01.1") || p.Passed("01.2") || !p.Of("01.1").Passed.Equal(now) {
		t.Errorf("read back: %+v, %v", p, err)
	}
}

func TestDamage(t *testing.T) {
	for _, text := range []string{"", "{", "[]", `{"exercises": {"01.1": null}}`, `{"exercises": {"01.1": {"passed": "yesterday"}}}`, "{}{}", "\x00\x00"} {
		f, root, warnings := open(t)
		if err := os.MkdirAll(filepath.Join(root, "work"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "work", "progress.json"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if p, err := f.Progress(); err != nil || len(p.Exercises) > 0 {
			t.Errorf("%q gives %+v, %v", text, p, err)
		}
		if !strings.Contains(warnings.String(), "is damaged") {
			t.Errorf("of %q it is said: %s", text, warnings)
		}
		kept, err := filepath.Glob(filepath.Join(root, "work", "progress.json.damaged-*"))
		if err != nil || len(kept) != 1 {
			t.Fatalf("%q is kept as %v, %v", text, kept, err)
		}
		if got, err := os.ReadFile(kept[0]); err != nil || string(got) != text {
			t.Errorf("%q is kept as %q, %v", text, got, err)
		}
	}
}

func TestAdvice(t *testing.T) {
	for _, c := range []struct {
		isFolder      bool
		owner, person int
		want          string
	}{
		{true, 0, 1000, "sudo chown -R 1000 /clone"},
		{false, 0, 1000, "make a clone of your own"},
		{true, 1001, 1000, "make a clone of your own"},
		{true, 1000, 1000, "let its owner, who you are"},
	} {
		if got := advice("/clone", c.isFolder, c.owner, c.person); !strings.Contains(got, c.want) {
			t.Errorf("to user %d, with user %d's directory, it says %q", c.person, c.owner, got)
		}
	}
}
