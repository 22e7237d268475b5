package exercise_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stave/internal/script"
	"stave/workbook/exercise"
	"stave/workbook/exercise/fake"
)

// repository is a fake one, and in it exercise 01.1 with whatever edits.
func repository(t *testing.T, edits map[string]string) exercise.Exercise {
	t.Helper()
	root := t.TempDir()
	if err := fake.Write(root); err != nil {
		t.Fatal(err)
	}
	e, err := exercise.Find(root, "01.1")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range edits {
		path := filepath.Join(e.Dir, name)
		if text == "" {
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

// prebuild puts a shell script where a program built from a variant would be: what it does is seen at once, and nothing
// has to be compiled.
func prebuild(t *testing.T, e exercise.Exercise, v exercise.Variant, program string) {
	t.Helper()
	files, err := e.Files(v)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, exercise.BuiltName(files)), []byte("#!/bin/sh\n"+program), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("STAVE_BUILT", dir)
}

// What a program of the fake exercise does: the step as it is, the solution, and an answer that nearly works.
const (
	untouched = `[ $# = 1 ] && echo hello, world && exit; echo "step: unknown flag: $2" >&2; exit 125`
	solution  = `echo "hello, ${3-world}"`
	canned    = `echo hello, gopher`
)

func TestVerify(t *testing.T) {
	for name, c := range map[string]struct {
		variant exercise.Variant
		program string
		edits   map[string]string
		want    string // is in the surprise; "" for none
	}{
		"the step fails":              {variant: exercise.Untouched, program: untouched},
		"the solution passes":         {variant: exercise.Solution, program: solution},
		"the wrong answer fails":      {variant: "canned", program: canned},
		"the step passes":             {variant: exercise.Untouched, program: solution, want: "it passes, and must not"},
		"the solution fails":          {variant: exercise.Solution, program: untouched, want: "the solution fails:\n    This should hold:\n        Whoever has a name"},
		"the wrong answer passes":     {variant: "canned", program: solution, want: "it passes, and must not"},
		"it fails for another reason": {variant: "canned", program: untouched, want: "another reason than fails.txt has"},
		"fails.txt doesn't say why":   {variant: "canned", program: canned, edits: map[string]string{"fails.txt": "untouched: x\n"}, want: `fails.txt has no line "canned:"`},
		"the check checks nothing":    {variant: exercise.Untouched, program: untouched, edits: map[string]string{"check.txtar": "# Nothing is asked for.\n"}, want: "it passes, and must not"},
		"the check is misspelt":       {variant: exercise.Solution, program: solution, edits: map[string]string{"check.txtar": "# It runs.\nstepp hello\n"}, want: `Unknown command "stepp"`},
		"what it needs isn't here":    {variant: exercise.Solution, program: untouched, edits: map[string]string{"check.txtar": "need exec:moon\nstep moon\n"}},
		"the solution leaves a mess":  {variant: exercise.Solution, program: `sleep 1000 >/dev/null 2>&1 & ` + solution, want: "left behind"},
		"a failure that isn't one":    {variant: exercise.Solution, program: `sleep 1000`, edits: map[string]string{"check.txtar": "# It fails.\n! step hello\n"}, want: "has been killed"},
		"the solution takes too long": {variant: exercise.Solution, program: `sleep 1000`, edits: map[string]string{"check.txtar": "# It ends.\nexec sh -c 'sh -c \"sleep 1000\" & step hello'\n"}, want: "has been killed"},
	} {
		t.Run(name, func(t *testing.T) {
			e := repository(t, c.edits)
			prebuild(t, e, c.variant, c.program)
			if strings.Contains(c.want, "killed") {
				e.Patience = script.Slow(time.Second)
			}
			verdict, err := e.Verify(t.Context(), c.variant)
			if err != nil {
				t.Fatal(err)
			}
			if c.want == "" && verdict.Surprise != "" || !strings.Contains(verdict.Surprise, c.want) {
				t.Errorf("the surprise is\n%s\nwant\n%s", verdict.Surprise, c.want)
			}
		})
	}
}

func TestWhatDoesNotCompile(t *testing.T) {
	script.Need(t, "source")
	e := repository(t, map[string]string{"wrong/canned/hello.go": "package main\n\nfunc hello() {}\n"})
	verdict, err := e.Verify(t.Context(), "canned")
	if err != nil {
		t.Fatal(err)
	}
	const want = "steps/01-greet/main.go:10:25: too many arguments in call to hello"
	if !strings.Contains(verdict.Surprise, want) || !strings.Contains(verdict.Surprise, "not before") {
		t.Errorf("the surprise is\n%s\nwant in it\n%s", verdict.Surprise, want)
	}
}

func TestProblems(t *testing.T) {
	for name, c := range map[string]struct {
		edits map[string]string
		want  []string
	}{
		"none":               {},
		"a file too many":    {edits: map[string]string{"notes.txt": "x"}, want: []string{"notes.txt belongs to no exercise"}},
		"another number":     {edits: map[string]string{"README.md": "# 01.2 By name\n\n`go run ./workbook check 01.1`\n"}, want: []string{`the first line should be "# 01.1 Title"`}},
		"no word of a check": {edits: map[string]string{"README.md": "# 01.1 By name\n\nDo it.\n"}, want: []string{"the last line of README.md should say how to check it"}},
		"one hint":           {edits: map[string]string{"hints.md": "## Hint 1\n\nx\n"}, want: []string{"hints.md has 1 hints, and at least 2"}},
		"hints out of order": {edits: map[string]string{"hints.md": "## Hint 2\n\nx\n\n## Hint 1\n\ny\n"}, want: []string{"Hint 2 comes where Hint 1 should"}},
		"no check":           {edits: map[string]string{"check.txtar": ""}, want: []string{"exercise 01.1 has no check.txtar"}},
		"no solution":        {edits: map[string]string{"solution": ""}, want: []string{"solution: open"}},
		"the same solution":  {edits: map[string]string{"solution/main.go": mainFile(t)}, want: []string{"solution: main.go is as the step has it"}},
		"unformatted":        {edits: map[string]string{"solution/hello.go": "package main\nfunc hello([]string) error { return nil }\n"}, want: []string{"solution: hello.go is not formatted by gofmt"}},
		"a stray file":       {edits: map[string]string{"wrong/canned/README": "x"}, want: []string{"canned: README is no Go file"}},
		"one wrong answer":   {edits: map[string]string{"wrong/canned": ""}, want: []string{"it has 1 wrong answers", "fails.txt has a line for canned"}},
		"unlisted":           {edits: map[string]string{"fails.txt": "untouched: x\ncanned: y\n"}, want: []string{`fails.txt has no line "forgets: …"`}},
		"listed twice":       {edits: map[string]string{"fails.txt": "untouched: x\nuntouched: y\n"}, want: []string{"fails.txt:2: untouched is there twice"}},
		"no pattern":         {edits: map[string]string{"fails.txt": "untouched\n"}, want: []string{`fails.txt:1: a line is "NAME: regular expression"`}},
	} {
		t.Run(name, func(t *testing.T) {
			problems := repository(t, c.edits).Problems()
			for _, want := range c.want {
				if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, want) }) {
					t.Errorf("the problems are\n%s\nwant one with\n%s", strings.Join(problems, "\n"), want)
				}
			}
			if len(problems) != len(c.want) {
				t.Errorf("there are %d problems, not %d:\n%s", len(problems), len(c.want), strings.Join(problems, "\n"))
			}
		})
	}
}

// mainFile is the fake step's main.go.
func mainFile(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := fake.Write(root); err != nil {
		t.Fatal(err)
	}
	files, err := exercise.StepFiles(root, "01-greet")
	if err != nil {
		t.Fatal(err)
	}
	return string(files["main.go"])
}

func TestRoot(t *testing.T) {
	root := t.TempDir()
	if err := fake.Write(root); err != nil {
		t.Fatal(err)
	}
	if got, err := exercise.Root(filepath.Join(root, "steps", "01-greet")); err != nil || got != root {
		t.Errorf("Root below %s is %s, %v", root, got, err)
	}
	if got, err := exercise.Root(t.TempDir()); err == nil {
		t.Errorf("Root outside a clone is %s", got)
	}
}

func TestBuiltName(t *testing.T) {
	names := make(map[string]bool)
	for _, files := range []exercise.Files{
		{"a.go": []byte("x")}, {"a.go": []byte("y")}, {"b.go": []byte("x")}, {"a.go": []byte("x"), "b.go": nil}, {"a.go": []byte("xb.go")},
	} {
		names[exercise.BuiltName(files)] = true
	}
	if len(names) != 5 {
		t.Errorf("different files have the same name: %s", fmt.Sprint(names))
	}
}
