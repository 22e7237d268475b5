package exercise

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Variant is an answer to an exercise that its authors keep: Untouched, Solution, or a wrong one by its name.
type Variant string

// Untouched is the step as it is in the book, which is no answer yet; Solution is the right one.
const (
	Untouched Variant = "untouched"
	Solution  Variant = "solution"
)

// Variants returns Untouched, Solution, and the wrong answers.
func (e Exercise) Variants() ([]Variant, error) {
	variants := []Variant{Untouched, Solution}
	wrong, err := filepath.Glob(e.file("wrong/*"))
	if err != nil {
		return nil, err
	}
	for _, dir := range wrong {
		variants = append(variants, Variant(filepath.Base(dir)))
	}
	return variants, nil
}

// Files are a program's Go files, by name.
type Files map[string][]byte

// StepFiles returns a step's Go files without its tests.
func StepFiles(root, step string) (Files, error) {
	return ReadFiles(filepath.Join(root, "steps", step))
}

// ReadFiles returns the Go files in a directory, tests left out.
func ReadFiles(dir string) (Files, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	files := make(Files)
	for _, entry := range entries {
		name := entry.Name()
		if entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		if files[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// Changed returns the files that a variant changes in its step.
func (e Exercise) Changed(v Variant) (Files, error) {
	switch v {
	case Untouched:
		return nil, nil
	case Solution:
		return ReadFiles(e.file("solution"))
	}
	return ReadFiles(e.file(filepath.Join("wrong", string(v))))
}

// Files returns all Go files of a variant.
func (e Exercise) Files(v Variant) (Files, error) {
	files, err := StepFiles(e.root, e.Step)
	if err != nil {
		return nil, err
	}
	changed, err := e.Changed(v)
	if err != nil {
		return nil, fmt.Errorf("exercise %s, %s: %w", e.ID, v, err)
	}
	maps.Copy(files, changed)
	return files, nil
}

// Names returns the files' names in order.
func (f Files) Names() []string { return slices.Sorted(maps.Keys(f)) }
