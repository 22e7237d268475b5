package grade

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stave/internal/script"
	"stave/workbook/exercise"
)

func TestMain(m *testing.M) {
	Main()
	script.Main(m, nil)
}

func grader(t *testing.T) *Grader {
	t.Helper()
	script.Need(t, "userns")
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	root, err := exercise.Root(dir)
	if err != nil {
		t.Fatal(err)
	}
	g := &Grader{Root: root, Patience: script.Slow(exercise.Patience)}
	if err := g.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// Every check has to find in the sandbox what it finds outside.
func TestSolutions(t *testing.T) {
	g := grader(t)
	all, err := exercise.Discover(g.Root)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("compiled", func(t *testing.T) { script.Need(t, "source") }) // those that aren't compiled yet are left out without
	source, err := script.Holds("source")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		files, err := e.Files(exercise.Solution)
		if err != nil {
			t.Fatal(err)
		}
		if testing.Short() && e.ID != "01.1" && e.ID != "04.2" {
			continue
		}
		if !source && (exercise.Prebuilt(files) == "" || e.ID != "04.2" && e.ID != "04.4") {
			continue // the virtual machine is slow, and these two show that a cgroup is handed over
		}
		t.Run(e.ID, func(t *testing.T) {
			g.Exercises = []exercise.Exercise{e}
			m := g.mark(t, work(t, e, e.ID))
			if m.Result == Unavailable {
				script.Skip(t, m.Lacks, m.Explanation)
			}
			if m.Result != Passed {
				t.Errorf("%s: %s", m.Result, m.Explanation)
			}
		})
	}
}

// The solution of one exercise is none of another.
func TestOtherSolution(t *testing.T) {
	script.Need(t, "source")
	g := grader(t)
	one, err := exercise.Find(g.Root, "01.1")
	if err != nil {
		t.Fatal(err)
	}
	two, err := exercise.Find(g.Root, "01.2")
	if err != nil {
		t.Fatal(err)
	}
	g.Exercises = []exercise.Exercise{two}
	if m := g.mark(t, work(t, one, two.ID)); m.Result != Failed || !strings.Contains(m.Explanation, "--uts") {
		t.Errorf("%s: %s", m.Result, m.Explanation)
	}
}

// work is a student's directory with the solution of e as what was handed in for id.
func work(t *testing.T, e exercise.Exercise, id string) string {
	t.Helper()
	files, err := e.Changed(exercise.Solution)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, id), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, id, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// mark is for the only exercise there is.
func (g *Grader) mark(t *testing.T, dir string) Mark {
	t.Helper()
	s, err := g.Student(t.Context(), dir)
	if err != nil || len(s.Marks) != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	return s.Marks[0]
}

func TestClean(t *testing.T) {
	for text, want := range map[string]string{
		"a\tb\n":                        "a b",
		"\x1b[2Jx\x1b]0;y\a":            "[2Jx]0;y",
		"\xff\x9b31m\u202eevil\u2066":   "?31mevil",
		"one\r\ntwo\x00":                "one\ntwo",
		strings.Repeat("é", mostLine+1): strings.Repeat("é", mostLine) + "…",
	} {
		if got := clean(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	if got := clean(strings.Repeat("a line\n", mostExplanation)); len(got) > mostExplanation+40 || !strings.HasSuffix(got, "… (and more)") {
		t.Errorf("%d bytes are left", len(got))
	}
}

func TestLine(t *testing.T) {
	s := Student{Name: "eve\x1b", Points: 1, Of: 2, Marks: []Mark{{Exercise: "01.1", Result: Passed}, {Exercise: "01.2", Result: Missing}, {Exercise: "04.1", Result: Unavailable}}}
	if got, want := s.Line(5), "eve     1 of 2   01.1 passed, 01.2 not handed in, 04.1 can't be checked here"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	s = Student{Name: "bob", Error: "open bob:\nno such file"}
	if got, want := s.Line(3), "bob  not graded: open bob: no such file"; got != want || s.Graded() {
		t.Errorf("%q, want %q", got, want)
	}
}
