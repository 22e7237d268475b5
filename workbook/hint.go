package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"stave/workbook/exercise"
	"stave/workbook/work"
)

func hintCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "hint [NN.K]",
		Short: "Help with an exercise, a little more each time",
		Args:  usage(cobra.MaximumNArgs(1)),
		RunE: onExercise(func(c *cobra.Command, p *place, e exercise.Exercise) error {
			hints, err := e.Hints()
			if err != nil {
				return err
			}
			shown := 0
			err = p.work.Change(func(progress *work.Progress) {
				progress.Last = e.ID
				state := progress.At(e.ID)
				state.Hints = min(state.Hints+1, len(hints))
				shown = state.Hints
			})
			if err != nil {
				return err
			}
			var page strings.Builder
			fmt.Fprintf(&page, "# Hints for %s\n", title(e))
			for i, hint := range hints[:shown] {
				fmt.Fprintf(&page, "\n## Hint %d of %d\n\n%s\n", i+1, len(hints), hint)
			}
			p.printf("%s\n", render(page.String()))
			if shown < len(hints) {
				p.printf("Another time, \"%s hint %s\" says more.\n", p.self, e.ID)
			} else {
				p.printf("That was the last. If you want to see how it is done: \"%s solution --give-up %s\".\n", p.self, e.ID)
			}
			return nil
		}),
	}
}
