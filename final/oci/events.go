package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"stave/final/cgroup"
)

// An event is one line of output, in runc's shape.
type event struct {
	Type string        `json:"type"`
	ID   string        `json:"id"`
	Data *cgroup.Stats `json:"data,omitempty"`
}

func eventsCommand(g *global) *cobra.Command {
	interval, once := 5*time.Second, false
	c := &cobra.Command{
		Use:   "events CONTAINER",
		Short: "Print what a container uses, and when it runs out of memory, as lines of JSON",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if interval <= 0 {
				return errors.New("--interval must be more than 0")
			}
			i, err := g.containers().Running(args[0])
			if err != nil {
				return err
			}
			group, err := i.Cgroup()
			if err != nil {
				return err
			}
			if once {
				return printStats(args[0], group)
			}
			return follow(c.Context(), args[0], group, interval)
		},
	}
	c.Flags().DurationVar(&interval, "interval", interval, "`time` between two lines")
	c.Flags().BoolVar(&once, "stats", false, "print one line and end")
	return c
}

func printStats(id string, group cgroup.Group) error {
	stats, err := group.Stats()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(event{"stats", id, &stats})
}

// follow prints until the cgroup is gone or nothing runs in it any more.
func follow(ctx context.Context, id string, group cgroup.Group, interval time.Duration) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ooms, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- group.Events(ctx, func() {
			select {
			case ooms <- struct{}{}:
			case <-ctx.Done():
			}
		})
	}()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		var err error
		select {
		case err := <-ended:
			return err
		case <-ooms:
			err = json.NewEncoder(os.Stdout).Encode(event{Type: "oom", ID: id})
		case <-tick.C:
			err = printStats(id, group)
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
				return nil // the cgroup went while it was read
			}
		}
		if err != nil {
			return err
		}
	}
}
