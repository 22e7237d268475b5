package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"stave/workbook/exercise"
	"stave/workbook/work"
)

func startCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "start [NN.K]",
		Short: "Start an exercise: copy its step to work/NN.K, and say what to do",
		Args:  usage(cobra.MaximumNArgs(1)),
		RunE: onExercise(func(c *cobra.Command, p *place, e exercise.Exercise) error {
			task, err := e.Task()
			if err != nil {
				return err
			}
			files, err := exercise.StepFiles(p.root, e.Step)
			if err != nil {
				return err
			}
			err = p.work.Start(e.ID, files)
			again := errors.Is(err, work.ErrStarted)
			if err != nil && !again {
				return err
			}
			if err := p.work.Change(func(progress *work.Progress) { progress.Last = e.ID }); err != nil {
				return err
			}
			p.printf("%s\n", render(task))
			if again {
				p.printf("Your copy in %s is as you left it. To begin anew, and keep what you have beside it:\n\n", work.Dir(e.ID))
				p.suggest("reset "+e.ID, "")
				return nil
			}
			p.printf("Your copy of step %s is in %s: change it there, with any editor. These will help:\n\n", e.Step, work.Dir(e.ID))
			byHand := "try it by hand"
			if os.Geteuid() != 0 && e.Step < "08" {
				byHand += `, inside "unshare -Ur bash"`
			}
			p.suggest("run "+e.ID+" …", byHand)
			p.suggest("check "+e.ID, "does it do what it should?")
			p.suggest("watch "+e.ID, "check it whenever you save")
			p.suggest("hint "+e.ID, "help, a little more each time")
			if r, possible, err := e.Possible(); err == nil && !possible {
				p.printf("\n%s\"%s doctor\" says more about this machine.\n", r.Explain(), p.self)
			}
			return nil
		}),
	}
}

func resetCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reset [NN.K]",
		Short: "Begin an exercise anew, and keep what you have beside it",
		Args:  usage(cobra.MaximumNArgs(1)),
		RunE: onExercise(func(c *cobra.Command, p *place, e exercise.Exercise) error {
			if !p.work.Started(e.ID) {
				return p.notStarted(e)
			}
			files, err := exercise.StepFiles(p.root, e.Step)
			if err != nil {
				return err
			}
			aside, err := p.replace(e, files)
			if err != nil {
				return err
			}
			p.printf("%s is the step as it was. What you had is in %s.\n", work.Dir(e.ID), aside)
			return nil
		}),
	}
}

// replace puts other files into the place of an exercise's copy, and returns where the copy is now.
func (p *place) replace(e exercise.Exercise, files exercise.Files) (aside string, err error) {
	if p.work.Started(e.ID) {
		if aside, err = p.work.SetAside(e.ID); err != nil {
			return "", err
		}
	}
	if err := p.work.Start(e.ID, files); err != nil {
		return "", err
	}
	return aside, p.work.Change(func(progress *work.Progress) { progress.Last = e.ID })
}
