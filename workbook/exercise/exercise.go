package exercise

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"stave/internal/script"
)

// Exercise is one exercise of a step.
type Exercise struct {
	ID   string // "01.1"
	Step string // "01-uts"
	Dir  string // where its files are
	root string // of the repository

	Patience time.Duration // so long may its check take, before all it has started is killed
}

// Patience is for the check of every exercise that Discover finds. STAVE_SLOW makes it longer.
const Patience = 2 * time.Minute

// ErrNone is returned, wrapped, for an ID that no exercise has.
var ErrNone = errors.New("there is no such exercise")

// Root finds the top directory of the repository: dir, or one above it.
func Root(dir string) (string, error) {
	for at := dir; ; at = filepath.Dir(at) {
		mod, err := os.ReadFile(filepath.Join(at, "go.mod"))
		if err == nil && bytes.HasPrefix(mod, []byte("module stave\n")) {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is not inside a clone of Stave: cd into yours, and try again", dir)
		}
	}
}

// Steps returns the names of the steps in their order: "01-uts" and so on.
func Steps(root string) ([]string, error) {
	dirs, err := filepath.Glob(filepath.Join(root, "steps", "[0-9][0-9]-*"))
	if err != nil {
		return nil, err
	}
	for i, dir := range dirs {
		dirs[i] = filepath.Base(dir)
	}
	return dirs, nil
}

// Discover returns all exercises in their order.
func Discover(root string) ([]Exercise, error) {
	steps, err := Steps(root)
	if err != nil {
		return nil, err
	}
	var all []Exercise
	for _, step := range steps {
		dirs, err := filepath.Glob(filepath.Join(root, "steps", step, "exercises", "[0-9]-*"))
		if err != nil {
			return nil, err
		}
		for _, dir := range dirs {
			number, _, _ := strings.Cut(filepath.Base(dir), "-")
			all = append(all, Exercise{ID: step[:2] + "." + number, Step: step, Dir: dir, root: root, Patience: script.Slow(Patience)})
		}
	}
	return all, nil
}

// Find returns one exercise.
func Find(root, id string) (Exercise, error) {
	all, err := Discover(root)
	if err != nil {
		return Exercise{}, err
	}
	i := slices.IndexFunc(all, func(e Exercise) bool { return e.ID == id })
	if i < 0 {
		return Exercise{}, fmt.Errorf("%s: %w", id, ErrNone)
	}
	return all[i], nil
}

// Task is the task in words, as Markdown.
func (e Exercise) Task() (string, error) { return e.read("README.md") }

// Title is the first line of the task, without the number.
func (e Exercise) Title() (string, error) {
	task, err := e.Task()
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(task, "\n")
	title, ok := strings.CutPrefix(line, "# "+e.ID+" ")
	if !ok {
		return "", fmt.Errorf("%s: the first line should be \"# %s Title\"", e.file("README.md"), e.ID)
	}
	return strings.TrimSpace(title), nil
}

var hintHeading = regexp.MustCompile(`(?m)^## Hint (\d+)\n`)

// Hints returns the hints in their order, as Markdown and without headings.
func (e Exercise) Hints() ([]string, error) {
	text, err := e.read("hints.md")
	if err != nil {
		return nil, err
	}
	var hints []string
	at := hintHeading.FindAllStringSubmatchIndex(text, -1)
	for i, m := range at {
		if got, want := text[m[2]:m[3]], fmt.Sprint(i+1); got != want {
			return nil, fmt.Errorf("%s: Hint %s comes where Hint %s should", e.file("hints.md"), got, want)
		}
		end := len(text)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		hints = append(hints, strings.TrimSpace(text[m[1]:end]))
	}
	return hints, nil
}

// Fails returns what the check has to say of each wrong answer, and of Untouched.
func (e Exercise) Fails() (map[Variant]*regexp.Regexp, error) {
	text, err := e.read("fails.txt")
	if err != nil {
		return nil, err
	}
	fails := make(map[Variant]*regexp.Regexp)
	for i, line := range strings.Split(text, "\n") {
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, pattern, ok := strings.Cut(line, ":")
		if pattern = strings.TrimSpace(pattern); !ok || pattern == "" {
			return nil, fmt.Errorf("%s:%d: a line is \"NAME: regular expression\"", e.file("fails.txt"), i+1)
		}
		re, err := regexp.Compile("(?s)" + pattern)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", e.file("fails.txt"), i+1, err)
		}
		if fails[Variant(name)] != nil {
			return nil, fmt.Errorf("%s:%d: %s is there twice", e.file("fails.txt"), i+1, name)
		}
		fails[Variant(name)] = re
	}
	return fails, nil
}

func (e Exercise) file(name string) string { return filepath.Join(e.Dir, name) }

func (e Exercise) read(name string) (string, error) {
	text, err := os.ReadFile(e.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("exercise %s has no %s", e.ID, name)
	}
	return string(text), err
}
