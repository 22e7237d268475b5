package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// refused is a command of runc's that isn't here, whatever its flags.
func refused(name string) func(*global) *cobra.Command {
	return func(*global) *cobra.Command {
		return &cobra.Command{
			Use: name, Short: "Not supported", DisableFlagParsing: true,
			RunE: func(*cobra.Command, []string) error {
				return fmt.Errorf("%s is not supported: writing a process to disk and reading it back takes CRIU (criu(8)), which this runtime doesn't drive", name)
			},
		}
	}
}
