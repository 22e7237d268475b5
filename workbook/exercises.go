package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"stave/workbook/exercise"
)

// exercisesCommand is for whoever writes exercises; learners don't need it.
func exercisesCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "exercises [NN|NN.K...]",
		Short:  "Check the exercises: each check fails on the untouched step and on wrong answers, and passes on the solution",
		Hidden: true,
		RunE: func(c *cobra.Command, args []string) error {
			p, err := here(c)
			if err != nil {
				return err
			}
			surprises, found := 0, 0
			for _, e := range p.all {
				if !chosen(e, args) {
					continue
				}
				found++
				n, err := verify(c.Context(), e)
				if err != nil {
					return err
				}
				surprises += n
			}
			switch {
			case found == 0:
				return fmt.Errorf("no exercise is called %s: steps/NN-name/exercises/K-title is exercise NN.K", strings.Join(args, " "))
			case surprises > 0:
				fmt.Printf("%d things are not as they should be\n", surprises)
				return exit(1)
			}
			return nil
		},
	}
}

func chosen(e exercise.Exercise, args []string) bool {
	for _, arg := range args {
		if e.ID == arg || strings.HasPrefix(e.ID, arg+".") {
			return true
		}
	}
	return len(args) == 0
}

// verify prints a line for each variant of an exercise, and the explanation of each surprise.
func verify(ctx context.Context, e exercise.Exercise) (surprises int, err error) {
	for _, problem := range e.Problems() {
		fmt.Printf("%s: %s\n", e.ID, problem)
		surprises++
	}
	variants, err := e.Variants()
	if err != nil {
		return surprises, err
	}
	for _, v := range variants {
		verdict, err := e.Verify(ctx, v)
		if ctx.Err() != nil {
			return surprises, ctx.Err()
		}
		if err != nil {
			verdict.Surprise = err.Error()
		}
		fmt.Printf("%s %-20s %s\n", e.ID, v, told(verdict))
		if verdict.Surprise != "" {
			surprises++
		}
	}
	return surprises, nil
}

// told is a verdict in a line, or in as many as a surprise takes.
func told(v exercise.Verdict) string {
	switch {
	case v.Surprise != "":
		return "NOT AS EXPECTED: " + v.Surprise
	case v.Result.Skipped != "":
		return "skipped: " + v.Result.Skipped
	case v.Result.Passed:
		return "passes"
	}
	return "fails, as it should: " + v.Result.What
}
