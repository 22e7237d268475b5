package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"stave/internal/script"
	"stave/workbook/exercise"
	"stave/workbook/grade"
)

// gradeFlags are those of grade.
type gradeFlags struct {
	exercises []string
	json      string
	verbose   bool
	timeout   time.Duration
}

func gradeCommand() *cobra.Command {
	f := &gradeFlags{}
	c := &cobra.Command{
		Use:   "grade DIR...",
		Short: "Grade students' work: a line for each directory",
		Long: `Grade students' work. Each DIR is one student's: like a learner's work/, it has a directory NN.K for each exercise, with the
Go files that were changed, or all of them. A line for each student says what became of each exercise, and how many
points there are: one for each that passes.

Students' programs are strangers' programs. They are compiled from regular .go files and nothing else, and run in
a sandbox: without network, with nothing of this machine but its programs to read, as nobody special, with limits, and
so that a check's verdict is out of their reach. It needs user namespaces and no privilege; as root, or with a cgroup that was
handed to you, memory and processor time are limited for each student as a whole, and the exercises of step 04 can be checked.

The result of an exercise is one of: passed, failed, not handed in, couldn't be built, timed out, can't be checked here, not
graded. The last means that something went wrong that isn't the student's doing. With --json FILE there is for each student:

  student      the name of the directory       directory    as it was given
  points, of   passed, and could be checked    error        why there are no marks, if there are none
  exercises    a list: exercise (NN.K), title, result, points, explanation, seconds

The exit code is 0 if everything was graded, whatever the marks; 1 if something was not; 2 if the command line is wrong.`,
		Example: `  go run ./workbook grade students/*
  go run ./workbook grade --exercise 01.1 --exercise 01.2 --json marks.json students/*`,
		RunE: f.run,
	}
	c.Flags().StringArrayVar(&f.exercises, "exercise", nil, "only this exercise, `NN.K`; can be given more than once")
	c.Flags().StringVar(&f.json, "json", "", "write the marks with explanations to this `file`; - is standard output, in place of the lines")
	c.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "show why exercises failed")
	c.Flags().DurationVar(&f.timeout, "timeout", time.Minute, "for each check, without compiling; after that it has failed")
	return c
}

// gradebook is what --json writes.
type gradebook struct {
	Date     time.Time       `json:"date"`
	Students []grade.Student `json:"students"`
}

func (f *gradeFlags) run(c *cobra.Command, dirs []string) error {
	if len(dirs) == 0 {
		return fmt.Errorf("which students? Name their directories%w", errUsage)
	}
	if !slices.ContainsFunc(dirs, isDirectory) {
		return fmt.Errorf("%s: there is no such directory%w", strings.Join(dirs, ", "), errUsage)
	}
	if f.timeout <= 0 {
		return fmt.Errorf("--timeout %v: give more than nothing%w", f.timeout, errUsage)
	}
	g, err := f.grader()
	if err != nil {
		return err
	}
	if err := g.Open(c.Context()); err != nil {
		return err
	}
	book, err := f.students(c.Context(), g, dirs)
	if closed := g.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	if f.json != "" {
		if err := f.write(book); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(book.Students, func(s grade.Student) bool { return !s.Graded() }) {
		return exit(1)
	}
	return nil
}

func isDirectory(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// grader knows what to grade.
func (f *gradeFlags) grader() (*grade.Grader, error) {
	here, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	root, err := exercise.Root(here)
	if err != nil {
		return nil, err
	}
	g := &grade.Grader{Root: root, Patience: script.Slow(f.timeout)}
	if len(f.exercises) == 0 {
		g.Exercises, err = exercise.Discover(root)
		return g, err
	}
	for _, id := range f.exercises {
		e, err := exercise.Find(root, id)
		if err != nil {
			return nil, fmt.Errorf("--exercise %w%w", err, errUsage)
		}
		g.Exercises = append(g.Exercises, e)
	}
	return g, nil
}

// students grades one after the other, and prints each line as soon as it is there.
func (f *gradeFlags) students(ctx context.Context, g *grade.Grader, dirs []string) (gradebook, error) {
	book := gradebook{Date: time.Now().UTC().Truncate(time.Second)}
	if !g.Limited() {
		fmt.Fprintln(os.Stderr, "workbook: memory and processor time are limited for each process only: limits on all of a student's take root, or a cgroup of your own (\"go run ./workbook doctor\")")
	}
	columns := 0
	for _, dir := range dirs {
		columns = max(columns, utf8.RuneCountInString(filepath.Base(dir)))
	}
	for _, dir := range dirs {
		s, err := g.Student(ctx, dir)
		if err != nil {
			return book, err
		}
		book.Students = append(book.Students, s)
		for _, m := range s.Marks {
			if m.Result == grade.Ungraded {
				fmt.Fprintf(os.Stderr, "workbook: grading %s of %s: %s\n", m.Exercise, dir, m.Explanation)
			}
		}
		if f.json == "-" {
			continue
		}
		fmt.Println(s.Line(columns))
		if f.verbose {
			if err := s.Explain(os.Stdout); err != nil {
				return book, err
			}
		}
	}
	return book, nil
}

func (f *gradeFlags) write(book gradebook) error {
	text, err := json.MarshalIndent(book, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if f.json == "-" {
		_, err = os.Stdout.Write(text)
		return err
	}
	return os.WriteFile(f.json, text, 0o644)
}
