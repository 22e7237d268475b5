package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stave/internal/script"
	"stave/workbook/exercise"
	"stave/workbook/work"
)

func checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check [NN.K|NN]",
		Short: "Check your copy of an exercise, or a step and all of its exercises that you have started",
		Long: `Check whether your copy of exercise NN.K does what it should. What doesn't hold is explained: what should be, which
command was run, and what it printed. With NN, the book's step is checked by its own scripts, and then each of its exercises
that you have started. The exit code is 0 if all that was checked holds.`,
		Args: usage(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := here(c)
			if err != nil {
				return err
			}
			if len(args) > 0 {
				if id, isExercise, err := canonical(args[0]); err == nil && !isExercise {
					return p.checkStep(c.Context(), id)
				}
			}
			e, err := p.exercise(args)
			if err != nil {
				return err
			}
			passed, err := p.checkCopy(c.Context(), e)
			if err == nil && !passed {
				return exit(1)
			}
			return err
		},
	}
}

// checkCopy checks the copy of an exercise, says what came out, and remembers it.
func (p *place) checkCopy(ctx context.Context, e exercise.Exercise) (passed bool, err error) {
	if err := p.copied(e); err != nil {
		return false, err
	}
	r, err := e.CheckDir(ctx, work.Dir(e.ID))
	if err != nil {
		return false, err
	}
	var progress work.Progress
	err = p.work.Change(func(changed *work.Progress) {
		changed.Last = e.ID
		if r.Passed && !changed.Passed(e.ID) {
			changed.At(e.ID).Passed = time.Now().UTC().Truncate(time.Second)
		}
		progress = *changed
	})
	if err != nil {
		return false, err
	}
	p.tell(e, r, &progress)
	return r.Passed, nil
}

// tell says how a check came out, and what to do next.
func (p *place) tell(e exercise.Exercise, r exercise.Result, progress *work.Progress) {
	switch {
	case r.Passed:
		p.printf("%s: passed.\n", title(e))
		p.sayNext(progress)
	case r.Skipped != "":
		p.printf("%s: %s\"%s doctor\" says more about this machine.\n", title(e), r.Explain(), p.self)
	default:
		p.printf("%s: not yet.\n\n%s\n", title(e), r.Explain())
		p.sayHint(e, progress)
	}
}

func (p *place) sayHint(e exercise.Exercise, progress *work.Progress) {
	hints, err := e.Hints()
	if err != nil {
		return
	}
	switch left := len(hints) - progress.Of(e.ID).Hints; {
	case left > 1:
		p.printf("If you are stuck, \"%s hint %s\" helps; there are %d hints you haven't seen.\n", p.self, e.ID, left)
	case left == 1:
		p.printf("If you are stuck, \"%s hint %s\" helps; there is one hint you haven't seen.\n", p.self, e.ID)
	default:
		p.printf("You have seen all hints. \"%s solution --give-up %s\" shows how it is done.\n", p.self, e.ID)
	}
}

// checkStep runs a step's own scripts on the book's step, and then the check of each exercise that has a copy.
func (p *place) checkStep(ctx context.Context, id string) error {
	step, err := p.step(id)
	if err != nil {
		return err
	}
	good, err := p.checkScripts(ctx, step)
	if err != nil {
		return err
	}
	for _, e := range p.all {
		if e.Step != step {
			continue
		}
		p.printf("\n")
		if !p.work.Started(e.ID) {
			p.printf("%s: not started.\n", title(e))
			continue
		}
		passed, err := p.checkCopy(ctx, e)
		if err != nil {
			return err
		}
		good = good && passed
	}
	if !good {
		return exit(1)
	}
	return nil
}

// checkScripts runs the scripts in a step's testdata, and explains the first that fails.
func (p *place) checkScripts(ctx context.Context, step string) (good bool, err error) {
	files, err := filepath.Glob(filepath.Join(p.root, "steps", step, "testdata", "*.txtar"))
	if err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "stave-check-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "step")
	p.printf("The book's step %s, by its own checks:\n", step)
	if err := exercise.BuildTest(ctx, p.root, "steps/"+step, program); err != nil {
		return false, err
	}
	var first *exercise.Result
	for _, file := range files {
		r, err := exercise.CheckScript(ctx, file, program, script.Slow(exercise.Patience))
		if err != nil {
			return false, err
		}
		word := "holds"
		switch {
		case r.Skipped != "":
			word = "skipped: " + r.Skipped
		case !r.Passed:
			word = "doesn't hold"
			if first == nil {
				first = &r
			}
		}
		p.printf("  %-14s %s\n", strings.TrimSuffix(filepath.Base(file), ".txtar"), word)
	}
	if first != nil {
		p.printf("\nThe first that doesn't hold:\n\n%s", first.Explain())
		return false, nil
	}
	if len(files) == 0 {
		return false, fmt.Errorf("step %s has no checks of its own", step)
	}
	return true, nil
}
