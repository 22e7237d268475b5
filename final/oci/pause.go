package main

import "github.com/spf13/cobra"

func pauseCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "pause CONTAINER",
		Short: "Freeze all processes of a container",
		Args:  cobra.ExactArgs(1),
		RunE:  func(c *cobra.Command, args []string) error { return g.containers().Pause(c.Context(), args[0]) },
	}
}

func resumeCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "resume CONTAINER",
		Short: "Let the processes of a paused container go on",
		Args:  cobra.ExactArgs(1),
		RunE:  func(c *cobra.Command, args []string) error { return g.containers().Resume(c.Context(), args[0]) },
	}
}
