package main

import "github.com/spf13/cobra"

func deleteCommand(g *global) *cobra.Command {
	force := false
	c := &cobra.Command{
		Use:   "delete CONTAINER",
		Short: "Remove a container that has stopped",
		Args:  cobra.ExactArgs(1),
		RunE:  func(_ *cobra.Command, args []string) error { return g.containers().Delete(args[0], force, g.warn) },
	}
	c.Flags().BoolVarP(&force, "force", "f", false, "kill it if it hasn't; clear what a killed command has left; say nothing if there is none")
	return c
}
