package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
)

func vmCommand() *cobra.Command {
	var json, svg string
	var short bool
	c := &cobra.Command{
		Use:   "vm",
		Short: "Measure a container against a virtual machine",
		Long: `Measure on this machine what chapter 0 claims of containers and virtual machines.

One program runs as an ordinary process, in a container of stave's and in a virtual machine of qemu's. It is timed from the
command to its first line of output; it computes; it writes a file and reads it. Then several that do nothing are looked at for the
memory and disk they take. The virtual machine is as small as can be (a kernel, a first process, two drivers, a disk with the files that the
container's image has), so what you measure is the least that one costs.

It needs Go, and for the virtual machine qemu and Debian's kernel, which is downloaded once and kept in your cache, and not installed.
Without them only the process and the container are measured. It takes root or an ordinary user, about two minutes, and
some hundred MB below your cache directory, all of which is removed again.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			e := thorough
			if short {
				e = quick
			}
			r, err := measureVM(c.Context(), e)
			if err != nil {
				return err
			}
			return r.publish(json, svg)
		},
	}
	c.Flags().StringVar(&json, "json", "bench-vm.json", "write the result to this `file`; none if empty")
	c.Flags().StringVar(&svg, "svg", "bench-vm.svg", "draw the ratios into this `file`; none if empty")
	c.Flags().BoolVar(&short, "quick", false, "measure a little of everything, to see that it works; the figures are rough")
	return c
}

// measureVM does all of it, and leaves nothing behind.
func measureVM(ctx context.Context, e effort) (r result, err error) {
	began := time.Now()
	progress := func(what string) { fmt.Fprintf(os.Stderr, "bench: %3.0f s  %s\n", time.Since(began).Seconds(), what) }
	progress("compiling")
	w, err := openWorkshop(ctx)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	m := &measurement{effort: e, workshop: w, progress: progress,
		result: result{Date: time.Now().UTC().Truncate(time.Second), Machine: thisMachine(), Rows: newRows(e)}}
	if err := m.small(ctx); err != nil {
		return r, err
	}
	if err := m.large(ctx); err != nil {
		return r, err
	}
	m.estimate()
	return m.result, nil
}

// small measures processes and containers.
func (m *measurement) small(ctx context.Context) error {
	m.progress("making the image toolbox")
	c := container{workshop: m.workshop}
	if err := c.prepare(ctx); err != nil {
		return err
	}
	process, container := named{itself{m.workshop}, inProcess}, named{c, inContainer}
	for _, p := range []named{process, container} {
		if err := m.start(ctx, p, m.starts); err != nil {
			return err
		}
	}
	if err := m.speed(ctx, m.repeats, process, container); err != nil {
		return err
	}
	for _, p := range []named{process, container} {
		if err := m.sizes(ctx, p, m.instances); err != nil {
			return err
		}
	}
	return nil
}

// large measures virtual machines, if there can be any.
func (m *measurement) large(ctx context.Context) error {
	m.progress("making a virtual machine")
	machine, err := newMachine(ctx, m.workshop)
	var missing errNoMachine
	if errors.As(err, &missing) {
		m.NoVM = missing.Error()
		return nil
	}
	if err != nil {
		return err
	}
	if err := m.copies(machine.disk()); err != nil {
		return err
	}
	m.progress("starting it for the first time")
	why, err := machine.accelerate(ctx)
	if err != nil {
		return err
	}
	m.VM = &vm{Qemu: machine.version(ctx), Accelerator: machine.accelerator, Why: why, Kernel: kernelName(machine.kernel.Image), Memory: memory, DiskCache: machine.cache()}
	p := named{machine, inMachine}
	if err := m.start(ctx, p, m.machineStarts); err != nil {
		return err
	}
	if err := m.speed(ctx, m.machineRepeats, p); err != nil {
		return err
	}
	return m.sizes(ctx, p, 1)
}

// publish prints the table and writes the files.
func (r result) publish(json, svg string) error {
	fmt.Println()
	if err := r.writeTable(os.Stdout); err != nil {
		return err
	}
	if json != "" {
		if err := r.writeJSON(json); err != nil {
			return fmt.Errorf("writing the result: %w", err)
		}
		fmt.Printf("\nThe figures are in %s", json)
		if svg == "" || r.VM == nil {
			fmt.Println(".")
		}
	}
	if svg != "" && r.VM != nil {
		f, err := os.Create(svg)
		if err != nil {
			return fmt.Errorf("drawing the result: %w", err)
		}
		if err := errors.Join(r.draw(f), f.Close()); err != nil {
			return fmt.Errorf("drawing the result: %w", err)
		}
		fmt.Printf(", drawn in %s.\n", svg)
	}
	return nil
}
