package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/spf13/cobra"

	"stave/final/cgroup"
)

// limits are the flags of update, by name: what they mean and where the value goes.
var limits = []struct {
	name, usage string
	set         func(r *specs.LinuxResources, value string) error
}{
	{"blkio-weight", "share of the disk, a `number` from 10 to 1000", func(r *specs.LinuxResources, v string) error {
		n, err := strconv.ParseUint(v, 10, 16)
		weight := uint16(n)
		r.BlockIO = &specs.LinuxBlockIO{Weight: &weight}
		return err
	}},
	{"cpu-period", "`microseconds` of a period, for --cpu-quota", func(r *specs.LinuxResources, v string) error { return unsigned(v, &cpu(r).Period) }},
	{"cpu-quota", "`microseconds` of processor time in each period", func(r *specs.LinuxResources, v string) error { return signed(v, &cpu(r).Quota) }},
	{"cpu-burst", "`microseconds` that may be saved up", func(r *specs.LinuxResources, v string) error { return unsigned(v, &cpu(r).Burst) }},
	{"cpu-share", "share of the processors, a `number`", func(r *specs.LinuxResources, v string) error { return unsigned(v, &cpu(r).Shares) }},
	{"cpu-rt-period", "`microseconds` of a period of realtime scheduling", func(r *specs.LinuxResources, v string) error { return unsigned(v, &cpu(r).RealtimePeriod) }},
	{"cpu-rt-runtime", "`microseconds` of realtime scheduling in each period", func(r *specs.LinuxResources, v string) error { return signed(v, &cpu(r).RealtimeRuntime) }},
	{"cpu-idle", "`1` runs it only when nobody else wants to", func(r *specs.LinuxResources, v string) error { return signed(v, &cpu(r).Idle) }},
	{"cpuset-cpus", "which processors, a `list` such as 0-3,7", func(r *specs.LinuxResources, v string) error { cpu(r).Cpus = v; return nil }},
	{"cpuset-mems", "which memory nodes, a `list`", func(r *specs.LinuxResources, v string) error { cpu(r).Mems = v; return nil }},
	{"memory", "limit of memory in `bytes`, or with a unit: 64M", func(r *specs.LinuxResources, v string) error { return bytes(v, &memory(r).Limit) }},
	{"memory-reservation", "memory in `bytes` that is left to it when there is little", func(r *specs.LinuxResources, v string) error { return bytes(v, &memory(r).Reservation) }},
	{"memory-swap", "limit of memory and swap together in `bytes`; -1 is none", func(r *specs.LinuxResources, v string) error { return bytes(v, &memory(r).Swap) }},
	{"pids-limit", "limit of processes, a `number`; -1 is none", func(r *specs.LinuxResources, v string) error {
		r.Pids = &specs.LinuxPids{}
		return signed(v, &r.Pids.Limit)
	}},
	{"l3-cache-schema", "", func(*specs.LinuxResources, string) error { return errNoRdt }},
	{"mem-bw-schema", "", func(*specs.LinuxResources, string) error { return errNoRdt }},
}

var errNoRdt = errors.New("limits by Intel RDT are not supported")

func updateCommand(g *global) *cobra.Command {
	file := ""
	c := &cobra.Command{
		Use:   "update CONTAINER",
		Short: "Change the limits of a container that runs",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r := &specs.LinuxResources{}
			if file != "" {
				if err := readResources(file, r); err != nil {
					return err
				}
				return g.containers().Update(args[0], r)
			}
			for _, l := range limits {
				if f := c.Flags().Lookup(l.name); f.Changed && f.Value.String() != "" {
					if err := l.set(r, f.Value.String()); err != nil {
						return fmt.Errorf("--%s %s: %w", l.name, f.Value, err)
					}
				}
			}
			if m := r.Memory; m != nil && m.Limit != nil && *m.Limit == -1 && m.Swap == nil {
				m.Swap = m.Limit // the sum of memory and swap can't be less than memory alone
			}
			return g.containers().Update(args[0], r)
		},
	}
	c.Flags().StringVarP(&file, "resources", "r", "", "`file` with the limits in the form of linux.resources, - for standard input; other flags are then ignored")
	for _, l := range limits {
		c.Flags().String(l.name, "", l.usage)
		if l.usage == "" {
			_ = c.Flags().MarkHidden(l.name)
		}
	}
	return c
}

func readResources(name string, r *specs.LinuxResources) error {
	in := io.Reader(os.Stdin)
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	if err := json.NewDecoder(in).Decode(r); err != nil {
		return fmt.Errorf("reading the limits from %s: %w", name, err)
	}
	return nil
}

func cpu(r *specs.LinuxResources) *specs.LinuxCPU {
	if r.CPU == nil {
		r.CPU = &specs.LinuxCPU{}
	}
	return r.CPU
}

func memory(r *specs.LinuxResources) *specs.LinuxMemory {
	if r.Memory == nil {
		r.Memory = &specs.LinuxMemory{}
	}
	return r.Memory
}

func signed(text string, to **int64) error {
	n, err := strconv.ParseInt(text, 10, 64)
	*to = &n
	return err
}

func unsigned(text string, to **uint64) error {
	n, err := strconv.ParseUint(text, 10, 64)
	*to = &n
	return err
}

// bytes takes what [cgroup.ParseBytes] does, -1 for no limit, and 0.
func bytes(text string, to **int64) error {
	if text == "-1" || text == "0" {
		return signed(text, to)
	}
	n, err := cgroup.ParseBytes(text)
	*to = &n
	return err
}
