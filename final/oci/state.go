package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"stave/final/runtime"
	"stave/final/user"
)

func stateCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "state CONTAINER",
		Short: "Print the state of a container as JSON",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			i, err := g.containers().Load(args[0])
			if err != nil {
				return err
			}
			b, err := json.MarshalIndent(i.Now(), "", "  ")
			if err != nil {
				return err
			}
			_, err = os.Stdout.Write(append(b, '\n'))
			return err
		},
	}
}

func listCommand(g *global) *cobra.Command {
	format, quiet := "table", false
	c := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the containers",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			list, err := g.containers().List()
			if err != nil {
				g.warn(err)
			}
			states := []runtime.State{}
			for _, i := range list {
				s := i.Now()
				s.Owner = owner(i)
				states = append(states, s)
			}
			return printList(states, format, quiet)
		},
	}
	c.Flags().StringVarP(&format, "format", "f", format, "`format`: table or json")
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "print IDs only")
	return c
}

func printList(states []runtime.State, format string, quiet bool) error {
	switch {
	case quiet:
		for _, s := range states {
			fmt.Println(s.ID)
		}
		return nil
	case format == "json":
		return json.NewEncoder(os.Stdout).Encode(states)
	case format != "table":
		return fmt.Errorf("--format %s: it is table or json", format)
	}
	w := tabwriter.NewWriter(os.Stdout, 12, 1, 3, ' ', 0)
	fmt.Fprintln(w, "ID\tPID\tSTATUS\tBUNDLE\tCREATED\tOWNER")
	for _, s := range states {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\n", s.ID, s.Pid, s.Status, s.Bundle, s.Created.Format(time.RFC3339Nano), s.Owner)
	}
	return w.Flush()
}

// owner is the user who owns the container's directory, by name if there is one.
func owner(i *runtime.Instance) string {
	info, err := os.Stat(i.Dir())
	if err != nil {
		return ""
	}
	uid := info.Sys().(*syscall.Stat_t).Uid
	passwd, _ := os.ReadFile("/etc/passwd") // without it a number has to do
	for _, a := range user.Accounts(passwd) {
		if a.UID == uid {
			return a.Name
		}
	}
	return "#" + strconv.Itoa(int(uid))
}
