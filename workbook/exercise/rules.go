package exercise

import (
	"bytes"
	"fmt"
	"go/format"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// listed is all that an exercise's folder may hold.
var listed = []string{"README.md", "hints.md", "check.txtar", "fails.txt", "solution", "wrong"}

// Rules of every exercise.
const (
	fewestHints = 2
	fewestWrong = 2
)

// Problems says what is missing from an exercise or not in its place. It runs nothing.
func (e Exercise) Problems() (problems []string) {
	complain := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	try := func(err error) bool {
		if err != nil {
			complain("%v", err)
		}
		return err == nil
	}
	entries, err := os.ReadDir(e.Dir)
	try(err)
	for _, entry := range entries {
		if !slices.Contains(listed, entry.Name()) {
			complain("%s belongs to no exercise: there may be %s", entry.Name(), strings.Join(listed, ", "))
		}
	}
	_, err = e.Title()
	try(err)
	if task, err := e.Task(); err == nil {
		lines := strings.Split(strings.TrimSpace(task), "\n")
		if want := "go run ./workbook check " + e.ID; !strings.Contains(lines[len(lines)-1], want) {
			complain("the last line of README.md should say how to check it: `%s`", want)
		}
	}
	if hints, err := e.Hints(); try(err) && len(hints) < fewestHints {
		complain("hints.md has %d hints, and at least %d are wanted, each under \"## Hint N\"", len(hints), fewestHints)
	}
	_, err = e.read("check.txtar")
	try(err)
	return append(problems, e.answerProblems()...)
}

// answerProblems says what is wrong with the answers that are kept.
func (e Exercise) answerProblems() (problems []string) {
	complain := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	step, err := StepFiles(e.root, e.Step)
	if err != nil {
		return []string{err.Error()}
	}
	variants, err := e.Variants()
	if err != nil {
		return []string{err.Error()}
	}
	fails, err := e.Fails()
	if err != nil {
		complain("%v", err)
	}
	if wrong := len(variants) - 2; wrong < fewestWrong {
		complain("it has %d wrong answers, and at least %d are wanted in wrong/NAME", wrong, fewestWrong)
	}
	for _, v := range variants {
		if v != Solution && err == nil && fails[v] == nil {
			complain("fails.txt has no line \"%s: …\"", v)
		}
		if v == Untouched {
			continue
		}
		for _, p := range e.changeProblems(v, step) {
			complain("%s: %s", v, p)
		}
	}
	for _, v := range slices.Sorted(maps.Keys(fails)) {
		if !slices.Contains(variants, v) || v == Solution {
			complain("fails.txt has a line for %s, which is no wrong answer", v)
		}
	}
	return problems
}

// changeProblems says what is wrong with the files of one answer.
func (e Exercise) changeProblems(v Variant, step Files) (problems []string) {
	changed, err := e.Changed(v)
	if err != nil {
		return []string{err.Error()}
	}
	if len(changed) == 0 {
		return []string{"it has no Go files"}
	}
	dir := e.file("solution")
	if v != Solution {
		dir = e.file(filepath.Join("wrong", string(v)))
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return []string{err.Error()}
	}
	for _, entry := range entries {
		if changed[entry.Name()] == nil {
			problems = append(problems, entry.Name()+" is no Go file of a program")
		}
	}
	for _, name := range changed.Names() {
		if bytes.Equal(changed[name], step[name]) {
			problems = append(problems, name+" is as the step has it: only changed files belong here")
		}
		switch formatted, err := format.Source(changed[name]); {
		case err != nil:
			problems = append(problems, fmt.Sprintf("%s: %v", name, err))
		case !bytes.Equal(formatted, changed[name]):
			problems = append(problems, name+" is not formatted by gofmt")
		}
	}
	return problems
}
