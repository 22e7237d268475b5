package main

import (
	"bytes"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"stave/workbook/exercise"
	"stave/workbook/terminal"
)

func diffCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "diff NN MM",
		Short: "Show what differs between two steps, or between a step and your copy (diff 01 01.2)",
		Args:  usage(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := here(c)
			if err != nil {
				return err
			}
			var dirs [2]string
			var files [2]exercise.Files
			for i, arg := range args {
				if dirs[i], err = p.program(arg); err != nil {
					return err
				}
				if files[i], err = exercise.ReadFiles(p.root + "/" + dirs[i]); err != nil {
					return err
				}
			}
			return terminal.Page(os.Stdout, coloured(differences(dirs[0], files[0], dirs[1], files[1])))
		},
	}
}

// differences is a unified diff of two programs.
func differences(from string, before exercise.Files, to string, after exercise.Files) string {
	var out strings.Builder
	all := maps.Clone(before)
	maps.Copy(all, after)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		oldName, newName := from+"/"+name, to+"/"+name
		if before[name] == nil {
			oldName = os.DevNull
		}
		if after[name] == nil {
			newName = os.DevNull
		}
		out.Write(diff.Diff(oldName, before[name], newName, after[name]))
	}
	return out.String()
}

func equalText(a, b []byte) bool { return bytes.Equal(a, b) }

// coloured gives a unified diff the usual colours, where this command writes to a terminal.
func coloured(text string) string {
	if terminal.Detect(os.Stdout) == terminal.Plain {
		return text
	}
	return terminal.Diff(text)
}
