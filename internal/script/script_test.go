package script

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The program the scripts in testdata run. It is what a step would be: something of ours, started by name.
func tool() {
	switch os.Args[1] {
	case "id":
		fmt.Println(os.Geteuid(), filepath.Base(os.Args[0]))
	case "code":
		var code int
		fmt.Sscan(os.Args[2], &code)
		os.Exit(code)
	case "count":
		// Succeeds the third time: the file grows by a line each time.
		f, _ := os.OpenFile(os.Args[2], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		fmt.Fprintln(f, "attempt")
		info, _ := f.Stat()
		if info.Size() < 3*int64(len("attempt\n")) {
			os.Exit(1)
		}
	}
}

func TestMain(m *testing.M) { Main(m, map[string]func(){"tool": tool}) }

func TestScripts(t *testing.T) { Run(t, "testdata") }

func TestConditionsAreSpelled(t *testing.T) {
	for name := range conditions {
		for _, cond := range []string{name, "!" + name} {
			if _, err := Holds(cond); err != nil {
				t.Errorf("Holds(%q): %v", cond, err)
			}
			if Reason(cond) == "" {
				t.Errorf("Reason(%q) is empty: a skip must say why", cond)
			}
		}
	}
	if _, err := Holds("moon"); err == nil {
		t.Error(`Holds("moon") knows the condition; a misspelt one would skip for ever`)
	}
	if yes, err := Holds("exec:sh"); err != nil || !yes {
		t.Errorf("Holds(exec:sh) = %v, %v", yes, err)
	}
}

func TestEarlyEndsAreRefused(t *testing.T) {
	for script, refused := range map[string]bool{
		"skip\n":                         true,
		"[!root] skip 'needs root'\n":    true,
		"exec true\n[ !root ] [x] stop":  true,
		"exec skip\n# skip\nskipping\n":  false,
		"need root\n-- file --\nskip it": false,
	} {
		file := filepath.Join(t.TempDir(), "x.txtar")
		if err := os.WriteFile(file, []byte(script), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := checkSpelling(file); (err != nil) != refused {
			t.Errorf("checkSpelling(%q) = %v, refused should be %v", script, err, refused)
		}
	}
}

func TestUnmet(t *testing.T) {
	for script, want := range map[string]string{
		"": "",
		"# What follows needs much.\nneed exec:sh": "",
		"need exec:sh exec:moon\n":                 "exec:moon",
		"\n[exec:sh] need exec:moon\n":             "exec:moon",
		"[exec:sh] [!exec:sh] need exec:moon\n":    "",
		"[!exec:moon] need !exec:sh # no shell\n":  "!exec:sh",
		"exec true\nneed exec:moon\n":              "",
	} {
		file := filepath.Join(t.TempDir(), "x.txtar")
		if err := os.WriteFile(file, []byte(script), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := Unmet(file); err != nil || got != want {
			t.Errorf("Unmet(%q) = %q, %v, not %q", script, got, err, want)
		}
	}
}

// fake stands in for a test that is skipped, and remembers what it was told.
type fake struct {
	testing.TB
	said string
}

func (f *fake) Helper()          {}
func (f *fake) Name() string     { return "TestScripts/fake" }
func (f *fake) Skip(args ...any) { f.said = fmt.Sprint(args...) }

func TestSkipIsCounted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "skips")
	t.Setenv("STAVE_SKIPS", file)
	f, s := &fake{TB: t}, tally{run: filepath.Join(t.TempDir(), "run")}
	s.skip(f, "exec:moon", Reason("exec:moon"))
	if f.said != "the program moon is not installed" {
		t.Errorf("the test was told %q", f.said)
	}
	line, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"package":"stave/internal/script","test":"TestScripts/fake","condition":"exec:moon","reason":"the program moon is not installed"}` + "\n"
	if string(line) != want {
		t.Errorf("STAVE_SKIPS got\n%swant\n%s", line, want)
	}
	var out strings.Builder
	s.report(&out)
	want = `stave/internal/script: skipped 1 (fake): the program moon is not installed
stave/internal/script: 1 skipped here, 1 in this run so far
`
	if out.String() != want {
		t.Errorf("the report is\n%s\nwant\n%s", out.String(), want)
	}
}

func TestSlow(t *testing.T) {
	for value, want := range map[string]time.Duration{"": time.Second, "10": 10 * time.Second, "0.1": time.Second, "x": time.Second} {
		t.Setenv("STAVE_SLOW", value)
		if got := Slow(time.Second); got != want {
			t.Errorf("with STAVE_SLOW=%q a second becomes %v, not %v", value, got, want)
		}
	}
}

func TestCopyTree(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(filepath.Join(from, "sealed"), 0o755))
	must(os.WriteFile(filepath.Join(from, "sealed", "tool"), []byte("#!"), 0o600))
	must(os.Chmod(filepath.Join(from, "sealed", "tool"), 0o755))
	must(os.Symlink("sealed/tool", filepath.Join(from, "link")))
	must(os.Chmod(filepath.Join(from, "sealed"), 0o555))

	for _, dir := range []string{from, to} { // or t.TempDir couldn't empty them
		t.Cleanup(func() { must(os.Chmod(filepath.Join(dir, "sealed"), 0o755)) })
	}

	must(copyTree(from, to))
	for name, want := range map[string]string{"sealed": "dr-xr-xr-x", "sealed/tool": "-rwxr-xr-x", "link": "Lrwxrwxrwx"} {
		info, err := os.Lstat(filepath.Join(to, name))
		must(err)
		if got := info.Mode().String(); got != want {
			t.Errorf("%s became %s, not %s", name, got, want)
		}
	}
}
