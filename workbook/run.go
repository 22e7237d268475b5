package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"stave/workbook/exercise"
	"stave/workbook/work"
)

func runCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "run NN|NN.K [ARG...]",
		Short: "Build a step, or your copy of it, and run it",
		Long: `Build step NN as the book has it, or your copy for exercise NN.K, and run it with the arguments:

    run 01 run --hostname box hostname

It takes this program's place, so the exit code is its own ("go run", though, makes 1 of every failure). Most steps want
root, or "unshare -Ur" before the whole command; a step that does says so.`,
		Args: usage(cobra.MinimumNArgs(1)),
	}
	c.Flags().SetInterspersed(false) // what follows is for the step
	c.RunE = func(c *cobra.Command, args []string) error {
		p, err := here(c)
		if err != nil {
			return err
		}
		dir, err := p.program(args[0])
		if err != nil {
			return err
		}
		path, err := programFile(filepath.Join(p.root, dir))
		if err != nil {
			return err
		}
		if err := exercise.BuildAt(c.Context(), p.root, dir, path); err != nil {
			if broken := new(exercise.CompileError); errors.As(err, &broken) {
				return fmt.Errorf("%s: %w", dir, err)
			}
			return err
		}
		return &os.PathError{Op: "running", Path: path, Err: syscall.Exec(path, append([]string{"step"}, args[1:]...), os.Environ())}
	}
	return c
}

// program is the directory of what a number means, from the repository's top.
func (p *place) program(arg string) (string, error) {
	id, isExercise, err := canonical(arg)
	if err != nil {
		return "", err
	}
	if !isExercise {
		step, err := p.step(id)
		return filepath.Join("steps", step), err
	}
	e, err := p.exercise([]string{id})
	if err != nil {
		return "", err
	}
	return work.Dir(e.ID), p.copied(e)
}

// programFile is where the program built from a directory is kept. It can't be removed by us, who are no more once it runs,
// and a second run finds it there.
func programFile(dir string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	const enough = 8 // bytes of the digest
	digest := sha256.Sum256([]byte(dir))
	cache = filepath.Join(cache, "stave", fmt.Sprintf("program-%x", digest[:enough]))
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	return filepath.Join(cache, "step"), nil
}
