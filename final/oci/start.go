package main

import "github.com/spf13/cobra"

func startCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "start CONTAINER",
		Short: "Let the program of a created container run",
		Args:  cobra.ExactArgs(1),
		RunE:  func(_ *cobra.Command, args []string) error { return g.containers().Start(args[0], g.warn) },
	}
}
