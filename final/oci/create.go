package main

import (
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"stave/final/runtime"
)

func createCommand(g *global) *cobra.Command {
	o := &making{}
	c := &cobra.Command{
		Use:   "create CONTAINER",
		Short: "Make a container; its program waits for start",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := o.read(g); err != nil {
				return err
			}
			return g.containers().Create(args[0], o.Options)
		},
	}
	o.add(c.Flags())
	return c
}

// making are the flags of the commands that make a container.
type making struct {
	runtime.Options
	explain string
}

func (o *making) add(f *pflag.FlagSet) {
	f.StringVarP(&o.Bundle, "bundle", "b", ".", "`directory` of the bundle")
	f.StringVar(&o.PidFile, "pid-file", "", "`file` to write the pid of the container's first process to")
	f.StringVar(&o.ConsoleSocket, "console-socket", "", "Unix `socket` to send the terminal's master to")
	f.StringVar(&o.PidfdSocket, "pidfd-socket", "", "Unix `socket` to send a pidfd of the first process to")
	f.IntVar(&o.PreserveFDs, "preserve-fds", 0, "`how many` descriptors after 0, 1, 2 and those of LISTEN_FDS the container gets")
	f.BoolVar(&o.NoPivot, "no-pivot", false, "change the root without pivot_root(2), for a host that runs from its initramfs")
	f.BoolVar(&o.NoNewKeyring, "no-new-keyring", false, "leave the container our session keyring (keyrings(7))")
	addExplain(f, &o.explain)
}

// read checks the flags and makes the names of files absolute.
func (o *making) read(g *global) (err error) {
	if o.PidFile, err = absolute(o.PidFile); err != nil {
		return err
	}
	if o.Options.Cgroups, err = g.cgroups(); err != nil {
		return err
	}
	o.Warn = g.warn
	o.Planned, err = explained(o.explain)
	return err
}

// planCommand prints and does nothing.
func planCommand(g *global) *cobra.Command {
	o := &making{}
	asJSON := false
	c := &cobra.Command{
		Use:   "plan [CONTAINER]",
		Short: "Print the system calls that would make a container",
		Long:  "Print the list of operations that create would carry out for a bundle, and carry out nothing.",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := o.read(g); err != nil {
				return err
			}
			p, err := g.containers().PlanOnly(append(args, "container")[0], o.Options)
			if err != nil {
				return err
			}
			if asJSON {
				return p.WriteJSON(os.Stdout, nil)
			}
			return p.WriteText(os.Stdout, nil)
		},
	}
	o.add(c.Flags())
	c.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	_ = c.Flags().MarkHidden("explain")
	return c
}
