// Bench measures, on the reader's own machine, what the book claims.
//
//	go run ./bench vm     a container against a virtual machine (chapter 0)
//	go run ./bench oci    stave and stave-oci against other runtimes, as root
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer stop()
	c := &cobra.Command{
		Use:           "bench",
		Short:         "Measure on this machine what the book claims",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.CompletionOptions.HiddenDefaultCmd = true
	c.AddCommand(ociCommand(), vmCommand())
	err := c.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		var left leftError
		if !errors.As(err, &left) {
			fmt.Fprintln(os.Stderr, "bench: interrupted")
			return 130
		}
	}
	fmt.Fprintf(os.Stderr, "bench: %v\n", err)
	return 1
}
