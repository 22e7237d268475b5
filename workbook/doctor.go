package main

import (
	"os"

	"github.com/spf13/cobra"

	"stave/final/doctor"
	"stave/final/engine"
)

func doctorCommand() *cobra.Command {
	probe := false
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine can do, and how to get what is missing",
		Long: `Look at this machine and try what a container needs, without changing anything. Each line says what is there or
missing, why, how to get it, and which steps need it. The exit code is 0 if the steps can run.`,
		Args: func(c *cobra.Command, args []string) error {
			if probe {
				return nil
			}
			return usage(cobra.NoArgs)(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if probe {
				return doctor.Probe(os.Stdout, args)
			}
			dir, err := engine.DefaultRoot()
			if err != nil {
				return err
			}
			ok, err := doctor.Run(c.Context(), os.Stdout, doctor.Options{Dirs: []string{dir, os.TempDir()}, Self: []string{"doctor", "--probe", "--"}})
			if err == nil && !ok {
				return exit(1)
			}
			return err
		},
	}
	c.Flags().BoolVar(&probe, "probe", false, "carry out the trials, in namespaces made for them")
	_ = c.Flags().MarkHidden("probe")
	return c
}
