package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

func killCommand(g *global) *cobra.Command {
	all := false
	c := &cobra.Command{
		Use:   "kill CONTAINER [SIGNAL]",
		Short: "Send a signal, by name or number, to a container's first process (default: TERM)",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			signal, err := parseSignal(append(args, "TERM")[1])
			if err != nil {
				return err
			}
			return g.containers().Kill(args[0], signal, all)
		},
	}
	c.Flags().SetInterspersed(false)
	c.Flags().BoolVarP(&all, "all", "a", false, "send it to all processes of the container")
	return c
}

// parseSignal takes 15, TERM, SIGTERM and sigterm.
func parseSignal(text string) (unix.Signal, error) {
	const last = 64 // SIGRTMAX; signal(7)
	if n, err := strconv.Atoi(text); err == nil {
		if n < 0 || n > last {
			return 0, fmt.Errorf("unknown signal %q", text)
		}
		return unix.Signal(n), nil
	}
	name := strings.ToUpper(text)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	signal := unix.SignalNum(name)
	if signal == 0 {
		return 0, fmt.Errorf("unknown signal %q", text)
	}
	return signal, nil
}
