package main

import (
	"context"
	"os"
	"path/filepath"

	"stave/internal/vm/protocol"
	"stave/workbook/exercise"
)

// exercises and grading are the packages that check the answers to exercises. There is no go command inside, so those that
// are worth checking there are compiled before: the answers about cgroups.
const (
	exercises    = "stave/workbook/exercise"
	grading      = "stave/workbook/grade"
	aboutCgroups = "04-cgroups"
)

// addAnswers compiles all answers to the exercises about cgroups into protocol.BuiltDir.
func (s system) addAnswers(ctx context.Context) error {
	all, err := exercise.Discover(s.module)
	if err != nil {
		return err
	}
	built := filepath.Join(s.root, protocol.BuiltDir)
	if err := os.MkdirAll(built, 0o755); err != nil {
		return err
	}
	for _, e := range all {
		if e.Step != aboutCgroups {
			continue
		}
		variants, err := e.Variants()
		if err != nil {
			return err
		}
		for _, v := range variants {
			files, err := e.Files(v)
			if err != nil {
				return err
			}
			if err := exercise.Build(ctx, s.module, e.Step, files, filepath.Join(built, exercise.BuiltName(files))); err != nil {
				return err
			}
		}
	}
	return nil
}
