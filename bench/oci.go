package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// Flags of the benchmark's other half, which runs in the sandbox.
const (
	flagInit   = "init"
	flagInside = "inside"
)

func ociCommand() *cobra.Command {
	var json, svg, init, inside string
	runs := 100
	c := &cobra.Command{
		Use:   "oci",
		Short: "Measure stave and stave-oci against other runtimes",
		Long: `Measure what containers cost with stave-oci and stave, and with whatever is installed of crun, runc, bubblewrap, Docker and Podman.

All do the same, in turns, in one run: a bundle with all namespaces but the user's, Docker's default seccomp profile and capabilities, a cgroup with limits,
masked and read-only paths, and a program of some 130 bytes. So it is the runtime that is measured, and what else the machine does meets all of them.

It takes root, Go, and several minutes. Everything runs in namespaces of its own (Docker's daemon, too: one that runs already isn't touched), with cgroups of
its own, and below your cache directory, and is removed again.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			switch {
			case init != "":
				code, err := asInit("oci", "--"+flagInside, init, "--runs", strconv.Itoa(runs))
				if err == nil && code != 0 {
					err = errInside
				}
				return err
			case inside != "":
				return compareInside(c.Context(), inside, runs)
			}
			r, err := compareRuntimes(c.Context(), runs)
			if err != nil {
				return err
			}
			return r.publish(json, svg)
		},
	}
	f := c.Flags()
	f.IntVarP(&runs, "runs", "n", runs, "`how often` each does each thing, after three times to warm up")
	f.StringVar(&json, "json", "bench-oci.json", "write the result to this `file`; none if empty")
	f.StringVar(&svg, "svg", "bench-oci.svg", "draw the ratios into this `file`; none if empty")
	f.StringVar(&init, flagInit, "", "")
	f.StringVar(&inside, flagInside, "", "")
	_, _ = f.MarkHidden(flagInit), f.MarkHidden(flagInside)
	return c
}

// errInside says no more: the other half has said what there is.
var errInside = errors.New("measuring failed")

// A comparison is all that was measured.
type comparison struct {
	Date    time.Time `json:"date"`
	Machine computer  `json:"machine"`
	// Load is the machine's load average over five minutes at the end, which shows how much else it did.
	Load     float64     `json:"load"`
	Runs     int         `json:"runs"`
	Programs []installed `json:"programs"`
	Rows     []measured  `json:"rows"`
}

// An installed program is one that takes part, or doesn't.
type installed struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Missing string `json:"missing,omitempty"` // what to do about it
}

// measured is one row.
type measured struct {
	Name    string   `json:"name"`
	Unit    string   `json:"unit"` // s or B
	How     string   `json:"how"`
	Figures []figure `json:"figures"`
}

// compareRuntimes does all of it, and leaves nothing behind.
func compareRuntimes(ctx context.Context, runs int) (r comparison, err error) {
	if os.Geteuid() != 0 {
		return r, errors.New("measuring runtimes takes root: Docker, runc and crun make devices and cgroups: sudo go run ./bench oci")
	}
	if runs < 1 {
		return r, fmt.Errorf("--runs %d: it is at least 1", runs)
	}
	fmt.Fprintln(os.Stderr, "bench:   0 s  compiling")
	w, err := openWorkshop(ctx)
	if err != nil {
		return r, err
	}
	s := sandbox{dir: w.dir, cgroup: fmt.Sprintf("/stave-bench-%d", os.Getpid())}
	defer func() { err = errors.Join(err, w.close(), s.close()) }()
	if err := compile(ctx, filepath.Join(w.dir, "stave-oci"), "stave/final/oci"); err != nil {
		return r, err
	}
	if err := s.run(ctx, "oci", "--"+flagInit, w.dir+":"+s.cgroup, "--runs", strconv.Itoa(runs)); err != nil {
		if ctx.Err() == nil {
			err = errInside
		}
		return r, err
	}
	b, err := os.ReadFile(filepath.Join(w.dir, "result"))
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(b, &r)
}

// compareInside is what happens in the sandbox.
func compareInside(ctx context.Context, where string, runs int) error {
	began := time.Now()
	dir, cgroup, _ := strings.Cut(where, ":")
	a := &arena{dir: dir, cgroup: cgroup, stave: filepath.Join(dir, "stave"), oci: filepath.Join(dir, "stave-oci")}
	a.progress = func(what string) { fmt.Fprintf(os.Stderr, "bench: %3.0f s  %s\n", time.Since(began).Seconds(), what) }
	r := comparison{Date: began.UTC().Truncate(time.Second), Machine: thisMachine(), Runs: runs}
	ready, err := a.prepare(ctx)
	if err != nil {
		return err
	}
	r.Programs = ready.programs
	a.compare(ctx, ready, &r)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.Load = load()
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return os.WriteFile(a.path("result"), b, 0o600)
}

// load is proc_loadavg(5)'s second number.
func load() float64 {
	b, _ := os.ReadFile("/proc/loadavg")
	f := append(strings.Fields(string(b)), "", "")
	v, _ := strconv.ParseFloat(f[1], 64)
	return v
}

// compare holds all contests.
func (a *arena) compare(ctx context.Context, ready lineup, r *comparison) {
	const peakRuns, instances = 9, 10
	contests := ready.contests()
	for _, c := range contests {
		a.progress(fmt.Sprintf("%s, %d times each of %s", c.row, r.Runs, names(c.contenders)))
		r.Rows = append(r.Rows, measured{Name: c.row, Unit: "s", How: how[c.row], Figures: a.hold(ctx, c, r.Runs)})
	}
	for _, c := range contests {
		if c.row == rowHost {
			continue // the same programs as without a network
		}
		a.progress("the most memory of " + c.row)
		r.Rows = append(r.Rows, measured{Name: "most memory: " + c.row, Unit: "B", How: how["peak"], Figures: a.peaks(ctx, c, min(peakRuns, r.Runs))})
	}
	for _, name := range []string{rowCreated, rowRunning, rowAttended} {
		row := measured{Name: name, Unit: "B", How: how[name]}
		for _, h := range ready.holders(name) {
			a.progress(name + ": " + h.program)
			row.Figures = append(row.Figures, a.held(ctx, h, min(instances, r.Runs)))
		}
		r.Rows = append(r.Rows, row)
	}
}

func names(list []contender) string {
	var all []string
	for _, c := range list {
		all = append(all, c.program)
	}
	return strings.Join(all, ", ")
}
