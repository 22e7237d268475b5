package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"stave/workbook/exercise"
	"stave/workbook/work"
)

func progressCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "progress",
		Short: "List the steps and exercises, and how far you are",
		Args:  usage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := here(c)
			if err != nil {
				return err
			}
			progress, err := p.work.Progress()
			if err != nil {
				return err
			}
			widest, passed := 0, 0
			for _, e := range p.all {
				widest = max(widest, len(title(e)))
			}
			step := ""
			for _, e := range p.all {
				if e.Step != step {
					step = e.Step
					p.printf("%s\n", step)
				}
				line := fmt.Sprintf("  %-*s  %s", widest, title(e), p.state(e, progress))
				p.printf("%s\n", strings.TrimRight(line, " "))
				if progress.Passed(e.ID) {
					passed++
				}
			}
			p.printf("\n%d of %d passed.\n", passed, len(p.all))
			return nil
		},
	}
}

// state is how far an exercise is, in words.
func (p *place) state(e exercise.Exercise, progress *work.Progress) string {
	s := progress.Of(e.ID)
	var words []string
	switch {
	case !s.Passed.IsZero():
		words = append(words, "passed "+s.Passed.Local().Format("2006-01-02"))
	case p.work.Started(e.ID):
		words = append(words, "started")
	}
	switch s.Hints {
	case 0:
	case 1:
		words = append(words, "1 hint")
	default:
		words = append(words, fmt.Sprintf("%d hints", s.Hints))
	}
	if !s.GivenUp.IsZero() {
		words = append(words, "saw the solution first")
	}
	return strings.Join(words, ", ")
}
