package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"stave/workbook/exercise"
	"stave/workbook/work"
)

// glance is how often watch looks at the files' times and sizes. The kernel could tell by inotify(7), but not of files that
// are changed on the other side: from Windows below WSL's /mnt, or on an NFS server. Looking works everywhere.
const glance = 300 * time.Millisecond

func watchCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "watch [NN.K]",
		Short: "Check your copy of an exercise now, and again whenever you save",
		Args:  usage(cobra.MaximumNArgs(1)),
		RunE: onExercise(func(c *cobra.Command, p *place, e exercise.Exercise) error {
			err := p.watch(c.Context(), e)
			if errors.Is(err, context.Canceled) {
				p.printf("\nNo longer watching %s.\n", work.Dir(e.ID))
				return nil
			}
			return err
		}),
	}
}

// watch checks an exercise until ctx ends.
func (p *place) watch(ctx context.Context, e exercise.Exercise) error {
	if err := p.copied(e); err != nil {
		return err
	}
	ticker := time.NewTicker(glance)
	defer ticker.Stop()
	checked := ""
	for {
		now, err := look(filepath.Join(p.root, work.Dir(e.ID)))
		if err != nil {
			return err
		}
		if now != checked {
			p.printf("── %s ──\n\n", time.Now().Format("15:04:05"))
			if _, err := p.checkCopy(ctx, e); err != nil {
				return err
			}
			p.printf("\nWatching %s: save, and it is checked again. Ctrl-C ends this.\n\n", work.Dir(e.ID))
			checked = now // what was saved meanwhile is another change
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// look describes the files in a directory, so that it changes when one of them does. An editor may take a file away for a
// moment, to put the new one in its place.
func look(dir string) (string, error) {
	seen := ""
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path != dir {
			return nil
		}
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		seen += fmt.Sprintln(path, info.Size(), info.ModTime().UnixNano())
		return nil
	})
	return seen, err
}
