package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

func psCommand(g *global) *cobra.Command {
	format := "table"
	c := &cobra.Command{
		Use:   "ps CONTAINER [PS-OPTION...]",
		Short: "List the processes of a container",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			i, err := g.containers().Load(args[0])
			if err != nil {
				return err
			}
			group, err := i.Cgroup()
			if err != nil {
				return err
			}
			pids, err := group.Pids()
			if err != nil {
				return err
			}
			switch format {
			case "json":
				return json.NewEncoder(os.Stdout).Encode(append([]int{}, pids...))
			case "table":
				return psTable(pids, args[1:])
			}
			return fmt.Errorf("--format %s: it is table or json", format)
		},
	}
	c.Flags().SetInterspersed(false)
	c.Flags().StringVarP(&format, "format", "f", format, "`format`: table or json")
	return c
}

// psTable prints those lines of ps(1) that are about the container's processes.
func psTable(pids []int, options []string) error {
	if len(options) == 0 {
		options = []string{"-ef"}
	}
	out, err := exec.Command("ps", options...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("running ps: %w: %s", err, strings.TrimSpace(string(out)))
	}
	column := -1
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if column < 0 {
			if column = slices.Index(f, "PID"); column < 0 {
				return errors.New("running ps: with these options it doesn't print the column PID")
			}
			fmt.Print(line)
			continue
		}
		if len(f) > column {
			if pid, err := strconv.Atoi(f[column]); err == nil && slices.Contains(pids, pid) {
				fmt.Print(line)
			}
		}
	}
	return nil
}
