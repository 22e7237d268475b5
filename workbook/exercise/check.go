package exercise

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"stave/internal/script"
)

// Result is what a check found, for a learner to read; see Explain.
type Result struct {
	Passed  bool
	Skipped string // why the check can't be carried out on this machine, or ""
	Lacks   string // what it lacks for that, a condition of internal/script
	What    string // what should hold, a sentence: the script's comment above what failed
	Command string // the command that was run, as one would type it
	Output  string // what it printed
	Detail  string // what was wrong with that, a sentence

	TimedOut bool // it was killed
}

// Possible reports whether the check can be carried out on this machine. If not, it is a Result that says why.
func (e Exercise) Possible() (Result, bool, error) {
	lacks, err := script.Unmet(e.file("check.txtar"))
	if err != nil || lacks == "" {
		return Result{}, true, err
	}
	return Result{Lacks: lacks, Skipped: script.Reason(lacks)}, false, nil
}

// CheckVariant builds an answer that the authors keep and checks it.
func (e Exercise) CheckVariant(ctx context.Context, v Variant) (Result, error) {
	if r, ok, err := e.Possible(); err != nil || !ok {
		return r, err
	}
	files, err := e.Files(v)
	if err != nil {
		return Result{}, err
	}
	if program := Prebuilt(files); program != "" {
		return e.Check(ctx, program)
	}
	dir, err := os.MkdirTemp("", "stave-exercise-")
	if err != nil {
		return Result{}, err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "step")
	if err := Build(ctx, e.root, e.Step, files, program); err != nil {
		return uncompiled(err)
	}
	return e.Check(ctx, program)
}

// CheckDir builds a learner's answer where it is, in dir below the repository's top, and checks it.
func (e Exercise) CheckDir(ctx context.Context, dir string) (Result, error) {
	if r, ok, err := e.Possible(); err != nil || !ok {
		return r, err
	}
	if files, err := ReadFiles(filepath.Join(e.root, dir)); err != nil {
		return Result{}, err
	} else if program := Prebuilt(files); program != "" {
		return e.Check(ctx, program)
	}
	temporary, err := os.MkdirTemp("", "stave-exercise-")
	if err != nil {
		return Result{}, err
	}
	defer os.RemoveAll(temporary)
	program := filepath.Join(temporary, "step")
	if err := BuildAt(ctx, e.root, dir, program); err != nil {
		return uncompiled(err)
	}
	return e.Check(ctx, program)
}

// compiles is what should hold before anything else.
const compiles = "The program compiles."

// uncompiled makes a Result of what the compiler says.
func uncompiled(err error) (Result, error) {
	if broken := new(CompileError); errors.As(err, &broken) {
		return Result{What: compiles, Output: broken.Text, Detail: "Until it does, nothing can be checked."}, nil
	}
	return Result{}, err
}

// Check runs the exercise's check on a program.
func (e Exercise) Check(ctx context.Context, program string) (Result, error) {
	return CheckScript(ctx, e.file("check.txtar"), program, e.Patience)
}

// CheckScript runs one script on a program, which the script calls step.
func CheckScript(ctx context.Context, file, program string, patience time.Duration) (Result, error) {
	dir, err := os.MkdirTemp("", "stave-programs-")
	if err != nil {
		return Result{}, err
	}
	defer os.RemoveAll(dir)
	programs, err := script.ProgramsDir(dir, map[string]string{"step": program})
	if err != nil {
		return Result{}, err
	}
	return CheckWith(ctx, script.Options{File: file, Programs: programs, Patience: patience})
}

// CheckWith runs one script as these options have it.
func CheckWith(ctx context.Context, o script.Options) (Result, error) {
	text, err := os.ReadFile(o.File)
	if err != nil {
		return Result{}, err
	}
	outcome, err := script.Check(ctx, o)
	if err != nil {
		return Result{}, fmt.Errorf("running %s: %w", o.File, err)
	}
	return read(string(text), outcome, o.Patience), nil
}
