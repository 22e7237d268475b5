package main

import (
	"fmt"
	"maps"
	"time"

	"github.com/spf13/cobra"

	"stave/workbook/exercise"
	"stave/workbook/work"
)

func solutionCommand() *cobra.Command {
	giveUp := false
	c := &cobra.Command{
		Use:   "solution [NN.K]",
		Short: "Show the solution and put it into your copy, once you have passed or given up",
		Long: `Show what the solution changes in your copy of an exercise, or in the step if there is no copy, and make the change.
What you had is kept beside it. Before you have passed, this takes --give-up.`,
		Args: usage(cobra.MaximumNArgs(1)),
	}
	c.Flags().BoolVar(&giveUp, "give-up", false, "show it though the exercise hasn't passed")
	c.RunE = onExercise(func(c *cobra.Command, p *place, e exercise.Exercise) error {
		progress, err := p.work.Progress()
		if err != nil {
			return err
		}
		if !progress.Passed(e.ID) && progress.Of(e.ID).GivenUp.IsZero() && !giveUp {
			return fmt.Errorf("%s hasn't passed yet. \"%s hint %s\" helps; to see the solution all the same: \"%s solution --give-up %s\"",
				e.ID, p.self, e.ID, p.self, e.ID)
		}
		return p.solve(e)
	})
	return c
}

// solve shows the solution and puts it into the copy.
func (p *place) solve(e exercise.Exercise) error {
	solved, err := e.Files(exercise.Solution)
	if err != nil {
		return err
	}
	from, before := "steps/"+e.Step, exercise.Files(nil)
	if p.work.Started(e.ID) {
		from = work.Dir(e.ID)
		before, err = p.work.Files(e.ID)
	} else {
		before, err = exercise.StepFiles(p.root, e.Step)
	}
	if err != nil {
		return err
	}
	if from == work.Dir(e.ID) && maps.EqualFunc(before, solved, equalText) {
		p.printf("Your copy in %s is the solution.\n", from)
		return nil
	}
	p.printf("%s\n", coloured(differences(from, before, "solution", solved)))
	aside, err := p.replace(e, solved)
	if err != nil {
		return err
	}
	err = p.work.Change(func(progress *work.Progress) {
		if state := progress.At(e.ID); state.Passed.IsZero() && state.GivenUp.IsZero() {
			state.GivenUp = time.Now().UTC().Truncate(time.Second)
		}
	})
	if err != nil {
		return err
	}
	p.printf("This is in %s now.", work.Dir(e.ID))
	if aside != "" {
		p.printf(" What you had is in %s.", aside)
	}
	p.printf(" To see that it does what it should:\n\n")
	p.suggest("check "+e.ID, "")
	return nil
}
