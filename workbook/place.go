package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"stave/workbook/exercise"
	"stave/workbook/work"
)

// place is where a command works: one clone, and the learner's folder in it.
type place struct {
	root string
	work *work.Folder
	all  []exercise.Exercise
	self string // what one types to run this program
	out  io.Writer
}

// here finds the clone that the working directory is in.
func here(c *cobra.Command) (*place, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	root, err := exercise.Root(dir)
	if err != nil {
		return nil, err
	}
	all, err := exercise.Discover(root)
	if err != nil {
		return nil, err
	}
	folder, err := work.Open(root, c.ErrOrStderr())
	if err != nil {
		return nil, err
	}
	return &place{root: root, work: folder, all: all, self: self(dir == root), out: c.OutOrStdout()}, nil
}

// self is how a person has called this program, and can again.
func self(atTop bool) string {
	parent, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", os.Getppid()))
	switch {
	case err != nil || filepath.Base(parent) != "go":
		return os.Args[0]
	case atTop:
		return "go run ./workbook"
	}
	return "go run stave/workbook"
}

func (p *place) printf(format string, args ...any) { fmt.Fprintf(p.out, format, args...) }

// number is a step's or an exercise's, as a person types it: "1", "01", "1.2", "01.2".
var number = regexp.MustCompile(`^0?(\d)(?:\.(\d))?$`)

// canonical is a number as we write it, and whether it is an exercise's.
func canonical(arg string) (id string, isExercise bool, err error) {
	m := number.FindStringSubmatch(arg)
	if m == nil {
		return "", false, fmt.Errorf("%q is neither a step, such as 01, nor an exercise, such as 01.2%w", arg, errUsage)
	}
	if m[2] == "" {
		return "0" + m[1], false, nil
	}
	return "0" + m[1] + "." + m[2], true, nil
}

// exercise is the one that the arguments name, or the current one if they are empty.
func (p *place) exercise(args []string) (exercise.Exercise, error) {
	if len(args) == 0 {
		progress, err := p.work.Progress()
		if err != nil {
			return exercise.Exercise{}, err
		}
		if e, ok := p.current(progress); ok {
			return e, nil
		}
		return exercise.Exercise{}, fmt.Errorf("you have passed all exercises: say which one you mean, such as 01.1")
	}
	id, isExercise, err := canonical(args[0])
	if err != nil {
		return exercise.Exercise{}, err
	}
	if !isExercise {
		if _, err := p.step(id); err != nil {
			return exercise.Exercise{}, err
		}
		return exercise.Exercise{}, fmt.Errorf("%s is a step: say which of its exercises you mean, such as %s.1%w", args[0], id, errUsage)
	}
	e, err := exercise.Find(p.root, id)
	if errors.Is(err, exercise.ErrNone) {
		return e, fmt.Errorf("%w: \"%s progress\" lists those there are%w", err, p.self, errUsage)
	}
	return e, err
}

// onExercise is a command that does something with the exercise that its arguments name, or the current one.
func onExercise(do func(*cobra.Command, *place, exercise.Exercise) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		p, err := here(c)
		if err != nil {
			return err
		}
		e, err := p.exercise(args)
		if err != nil {
			return err
		}
		return do(c, p, e)
	}
}

// step is the name of a step, "01-uts".
func (p *place) step(id string) (string, error) {
	steps, err := exercise.Steps(p.root)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(steps, func(s string) bool { return strings.HasPrefix(s, id+"-") })
	if i < 0 {
		return "", fmt.Errorf("there is no step %s: there are %s%w", id, strings.Join(steps, ", "), errUsage)
	}
	return steps[i], nil
}

// current is the exercise that was last worked on, or the one after it if that has passed; false if all have.
func (p *place) current(progress *work.Progress) (exercise.Exercise, bool) {
	last := slices.IndexFunc(p.all, func(e exercise.Exercise) bool { return e.ID == progress.Last })
	if last < 0 {
		last = 0
	}
	for i := range p.all {
		if e := p.all[(last+i)%len(p.all)]; !progress.Passed(e.ID) {
			return e, true
		}
	}
	return exercise.Exercise{}, false
}

// title is an exercise's number and title.
func title(e exercise.Exercise) string {
	t, err := e.Title()
	if err != nil {
		return e.ID
	}
	return e.ID + " " + t
}

// copied is an error unless there is a copy of an exercise, with something in it.
func (p *place) copied(e exercise.Exercise) error {
	if !p.work.Started(e.ID) {
		return p.notStarted(e)
	}
	files, err := p.work.Files(e.ID)
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("there are no Go files in %s: \"%s reset %s\" copies the step there anew", work.Dir(e.ID), p.self, e.ID)
	}
	return err
}

// notStarted is what to tell somebody who has no copy of an exercise yet.
func (p *place) notStarted(e exercise.Exercise) error {
	return fmt.Errorf("you haven't started %s: \"%s start %s\" copies the step to %s, where you change it", e.ID, p.self, e.ID, work.Dir(e.ID))
}
