package grade

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"stave/workbook/exercise"
)

// Outcome of one exercise of one student. The words are part of the JSON's format.
type Outcome string

// What can come of an exercise. The last two aren't the student's doing; the very last is nobody's intention.
const (
	Passed      Outcome = "passed"
	Failed      Outcome = "failed"
	Missing     Outcome = "not handed in"
	Unbuildable Outcome = "couldn't be built"
	TimedOut    Outcome = "timed out"
	Unavailable Outcome = "can't be checked here"
	Ungraded    Outcome = "not graded"
)

// A Mark is what a student has for one exercise.
type Mark struct {
	Exercise    string  `json:"exercise"` // 01.1
	Title       string  `json:"title"`
	Result      Outcome `json:"result"`
	Points      int     `json:"points"`      // 1 if it passed
	Explanation string  `json:"explanation"` // for people, of more than one line; empty if it passed
	Seconds     float64 `json:"seconds"`     // that it took
	Lacks       string  `json:"-"`           // what this machine lacks for it, a condition of internal/script
}

// A Student is one directory.
type Student struct {
	Name   string `json:"student"` // the directory's
	Dir    string `json:"directory"`
	Points int    `json:"points"`
	Of     int    `json:"of"` // the exercises that could be checked
	Marks  []Mark `json:"exercises"`
	Error  string `json:"error,omitempty"` // why there are no marks, such as a directory that can't be read
}

// A Grader grades the exercises it has, in this order.
type Grader struct {
	Root      string // of the repository
	Exercises []exercise.Exercise
	Patience  time.Duration // for a check

	sandbox *sandbox
}

// Open prepares for grading. Close has to be called afterwards.
func (g *Grader) Open(ctx context.Context) (err error) {
	g.sandbox, err = openSandbox(ctx)
	return err
}

// Close removes all that Open has made.
func (g *Grader) Close() error { return g.sandbox.close() }

// Limited tells whether the memory, the processes and the processor time of checks are limited as a whole here.
func (g *Grader) Limited() bool {
	l := g.sandbox.limits
	return l.Memory != nil && l.CPU != nil && l.Pids != nil
}

// Student grades one student's work: a directory with a directory for each exercise, as in the learner's work. The error is of ctx
// alone: everything else is in what is returned.
func (g *Grader) Student(ctx context.Context, dir string) (Student, error) {
	s := Student{Name: filepath.Base(filepath.Clean(dir)), Dir: dir}
	root, err := openStudent(dir)
	if err != nil {
		s.Error = err.Error()
		return s, nil
	}
	defer root.Close()
	if info, err := root.Lstat("work"); err == nil && info.IsDir() { // what is left out would count as not handed in
		s.Error = fmt.Sprintf("this is a whole clone: name what has the answers, %s", filepath.Join(dir, "work"))
		return s, nil
	}
	for _, e := range g.Exercises {
		began := time.Now()
		m := g.exercise(ctx, root, e)
		if ctx.Err() != nil {
			return s, ctx.Err()
		}
		m.Exercise, m.Seconds = e.ID, time.Since(began).Round(time.Millisecond).Seconds()
		m.Title, _ = e.Title()
		m.Explanation = clean(m.Explanation)
		if m.Result == Passed {
			m.Points = 1
		}
		if m.Result != Unavailable && m.Result != Ungraded {
			s.Of++
		}
		s.Points += m.Points
		s.Marks = append(s.Marks, m)
	}
	return s, nil
}

// openStudent opens a student's directory, which nothing leads out of afterwards. A link is not taken: it could lead to another
// student's.
func openStudent(dir string) (*os.Root, error) {
	info, err := os.Lstat(filepath.Clean(dir))
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is %s, and not a directory", dir, kind(info.Mode()))
	}
	return os.OpenRoot(dir)
}

// exercise grades one exercise.
func (g *Grader) exercise(ctx context.Context, student *os.Root, e exercise.Exercise) Mark {
	changed, err := submitted(student, e.ID)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Mark{Result: Missing}
	case errors.Is(err, errRefused):
		return Mark{Result: Unbuildable, Explanation: err.Error()}
	case err != nil:
		return Mark{Result: Ungraded, Explanation: fmt.Sprintf("reading it: %v", err)}
	}
	r, err := g.check(ctx, e, changed)
	if broken := new(exercise.CompileError); errors.As(err, &broken) {
		return Mark{Result: Unbuildable, Explanation: broken.Text}
	}
	switch {
	case errors.Is(err, errTimedOut):
		return Mark{Result: TimedOut, Explanation: err.Error()}
	case errors.Is(err, errCollapse):
		return Mark{Result: Failed, Explanation: err.Error()}
	case err != nil:
		return Mark{Result: Ungraded, Explanation: err.Error()}
	case r.Passed:
		return Mark{Result: Passed}
	case r.Skipped != "":
		return Mark{Result: Unavailable, Explanation: r.Explain(), Lacks: r.Lacks}
	case r.TimedOut:
		return Mark{Result: TimedOut, Explanation: r.Explain()}
	}
	return Mark{Result: Failed, Explanation: r.Explain()}
}

// check builds a program of the step's files and those that were handed in, and checks it in a sandbox.
func (g *Grader) check(ctx context.Context, e exercise.Exercise, changed exercise.Files) (exercise.Result, error) {
	files, err := exercise.StepFiles(g.Root, e.Step)
	if err != nil {
		return exercise.Result{}, err
	}
	for name, text := range changed {
		files[name] = text
	}
	dir := filepath.Join(g.sandbox.dir, "check")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return exercise.Result{}, err
	}
	defer os.RemoveAll(dir)
	program := exercise.Prebuilt(files)
	if program == "" {
		program = filepath.Join(dir, "step")
		if err := g.sandbox.build(ctx, g.Root, e.Step, files, program); err != nil {
			return exercise.Result{}, err
		}
	}
	if err := layOut(filepath.Join(e.Dir, path.Base(scriptFile)), dir); err != nil {
		return exercise.Result{}, err
	}
	return g.sandbox.check(ctx, program, dir, g.Patience)
}

// layOut copies a check to dir, and the files at its end to a directory there, but for those in directories of their own.
func layOut(check, dir string) error {
	text, err := os.ReadFile(check)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, path.Base(scriptFile)), text, 0o644); err != nil {
		return err
	}
	top := filepath.Join(dir, path.Base(filesDir))
	if err := os.Mkdir(top, 0o755); err != nil {
		return err
	}
	for _, f := range txtar.Parse(text).Files {
		if path.Base(f.Name) != f.Name {
			continue // see cover
		}
		if err := os.WriteFile(filepath.Join(top, f.Name), f.Data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
