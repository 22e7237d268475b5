package exercise_test

import (
	"os"
	"testing"

	"stave/internal/script"
	"stave/workbook/exercise"
)

// clone is the top directory of this repository.
func clone(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	root, err := exercise.Root(dir)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// Every check fails on the untouched step and on the wrong answers as fails.txt has it, and passes on the solution.
func TestExercises(t *testing.T) {
	all, err := exercise.Discover(clone(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		t.Run(e.ID, func(t *testing.T) {
			variants, err := e.Variants()
			if err != nil {
				t.Fatal(err)
			}
			if testing.Short() {
				variants = []exercise.Variant{exercise.Untouched, exercise.Solution}
			}
			if r, ok, err := e.Possible(); err == nil && !ok {
				script.Skip(t, r.Lacks, r.Skipped)
			}
			if files, err := e.Files(exercise.Solution); err == nil && exercise.Prebuilt(files) == "" {
				script.Need(t, "source") // to build the variants
			}
			for _, v := range variants {
				name := string(v)
				if v != exercise.Untouched && v != exercise.Solution {
					name = "wrong-" + name
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					verify(t, e, v)
				})
			}
		})
	}
}

func verify(t *testing.T, e exercise.Exercise, v exercise.Variant) {
	t.Helper()
	verdict, err := e.Verify(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	if verdict.Surprise != "" {
		t.Error(verdict.Surprise)
	}
	if r := verdict.Result; r.Skipped != "" {
		script.Skip(t, r.Lacks, r.Skipped)
	}
}

// An exercise is complete, and each step has two to four.
func TestExercisesAreComplete(t *testing.T) {
	root := clone(t)
	all, err := exercise.Discover(root)
	if err != nil {
		t.Fatal(err)
	}
	count := make(map[string]int)
	for _, e := range all {
		count[e.Step]++
		for _, problem := range e.Problems() {
			t.Errorf("%s: %s", e.ID, problem)
		}
	}
	steps, err := exercise.Steps(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range steps {
		if n := count[step]; n < 2 || n > 4 {
			t.Errorf("step %s has %d exercises, and two to four are wanted", step, n)
		}
	}
}
