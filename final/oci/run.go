package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"stave/final/plan"
	"stave/final/runtime"
	"stave/final/terminal"
)

func runCommand(g *global) *cobra.Command {
	o := &making{}
	var detach, keep bool
	c := &cobra.Command{
		Use:   "run CONTAINER",
		Short: "Make a container, start it, wait for its end and remove it",
		Long:  "Make a container, start it, wait for its end and remove it. The exit code is the program's; 128+n if signal n ended it; 1 if it never ran.",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := o.read(g); err != nil {
				return err
			}
			code, err := g.containers().Run(args[0], o.Options, keep, foreground(detach))
			if err != nil {
				return err
			}
			return exitCode(code)
		},
	}
	o.add(c.Flags())
	c.Flags().BoolVarP(&detach, "detach", "d", false, "leave the container to itself once it runs")
	c.Flags().BoolVar(&keep, "keep", false, "don't remove the container when it has ended")
	c.Flags().Bool("no-subreaper", false, "ignored: orphans go to whoever reaps them anyway")
	return c
}

// foreground stays with a process, unless it is to be left to itself.
func foreground(detach bool) *runtime.Foreground {
	if detach {
		return nil
	}
	signals := terminal.Listen()
	return &runtime.Foreground{Ready: func() { signals() }, Started: func(pidfd int, master *os.File) func() {
		a := terminal.Attendant{PidFD: pidfd, Signals: signals, Terminal: master, Interactive: master != nil && term.IsTerminal(0)}
		return a.Attend()
	}}
}

func addExplain(f *pflag.FlagSet, explain *string) {
	f.StringVar(explain, "explain", "", "print the list of system calls with times to standard error, `as` text or json")
	f.Lookup("explain").NoOptDefVal = "text"
}

// explained prints a plan that was carried out. It is nil if nobody wants to see it, and then nothing is timed.
func explained(as string) (func(*plan.Plan, []plan.Timing), error) {
	if as == "" {
		return nil, nil
	}
	write, err := plan.Writer(as)
	if err != nil {
		return nil, fmt.Errorf("--explain=%w", err)
	}
	return func(p *plan.Plan, timings []plan.Timing) {
		_ = write(p, os.Stderr, timings) // a closed standard error is no reason not to run
	}, nil
}
