package main

import (
	"bytes"
	"debug/elf"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"stave/internal/host"
	"stave/internal/script"
)

// sampleComparison has figures as they come: one program is missing, one fails at something, one is ahead.
func sampleComparison() comparison {
	figures := func(list ...any) (all []figure) {
		for i := 0; i < len(list); i += 2 {
			f := figure{Program: list[i].(string)}
			switch v := list[i+1].(type) {
			case float64:
				f.Value = v
			case string:
				f.Why = v
			}
			all = append(all, f)
		}
		return all
	}
	return comparison{
		Date:    time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		Machine: computer{System: "Linux 6.12.0", Arch: "amd64", Processors: 2, Memory: 25e9},
		Load:    1.25, Runs: 100,
		Programs: []installed{{Name: ours, Version: "of this source"}, {Name: crun, Version: "crun version 1.8.1"}, {Name: runc, Version: "runc version 1.1.5"},
			{Name: bwrap, Missing: "it is not installed: apt-get install bubblewrap"}, {Name: docker, Version: "Docker version 20.10"}},
		Rows: []measured{
			{Name: rowRun, Unit: "s", How: how[rowRun], Figures: figures(ours, 0.0051, crun, 0.0078, runc, 0.0212)},
			{Name: rowCycle, Unit: "s", How: how[rowCycle], Figures: figures(ours, 0.0151, crun, 0.0157, runc, "running runc start b7: exit status 1")},
			{Name: rowExec, Unit: "s", How: how[rowExec], Figures: figures(ours, 0.0042, crun, 0.0048, docker, 0.0681)},
			{Name: rowHost, Unit: "s", How: how[rowHost], Figures: figures(ours, 0.0099, docker, "")},
			{Name: "most memory: run", Unit: "B", How: how["peak"], Figures: figures(ours, 4e6, crun, 1.9e6)},
			{Name: rowAttended, Unit: "B", How: how[rowAttended], Figures: figures(ours, 7e3, docker, 3.5e6)},
		},
	}
}

func TestComparison(t *testing.T) {
	alone := sampleComparison()
	alone.Programs, alone.Rows = alone.Programs[:1], alone.Rows[:1]
	alone.Rows[0].Figures = alone.Rows[0].Figures[:1]
	for file, write := range map[string]func(*bytes.Buffer) error{
		"oci.golden":       func(b *bytes.Buffer) error { return sampleComparison().writeTable(b) },
		"oci-alone.golden": func(b *bytes.Buffer) error { return alone.writeTable(b) },
		"oci.svg":          func(b *bytes.Buffer) error { return sampleComparison().draw(b) },
		"oci-alone.svg":    func(b *bytes.Buffer) error { return alone.draw(b) },
	} {
		t.Run(file, func(t *testing.T) { compareGolden(t, file, write) })
	}
}

// The programs in the containers are written byte by byte.
func TestPrograms(t *testing.T) {
	dir := t.TempDir()
	if err := makeRootfs(dir); err != nil {
		t.Fatal(err)
	}
	f, err := elf.Open(filepath.Join(dir, waits))
	if err != nil || f.Type != elf.ET_EXEC || len(f.Progs) != 1 || f.Progs[0].Flags != elf.PF_R|elf.PF_X {
		t.Errorf("it is %+v, %v", f, err)
	}
	if out, err := exec.Command(filepath.Join(dir, ends)).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("the one that ends: %v, %s", err, out)
	}
	waiting := exec.Command(filepath.Join(dir, waits))
	if err := waiting.Start(); err != nil {
		t.Fatal(err)
	}
	if err := waiting.Process.Kill(); err != nil {
		t.Errorf("the one that waits: %v", err)
	}
	if err := waiting.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("the one that waits: %v", err)
	}
}

// The whole of it, once each. That the figures are good can't be tested; that there are some, and that nothing is left, can.
func TestOCI(t *testing.T) {
	if testing.Short() {
		return // it has been run at length
	}
	script.Need(t, "source", "root", "exec:crun")
	cache := t.TempDir()
	host.Watch(t, cache)
	useCaches(t, cache)
	r, err := compareRuntimes(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range r.Rows {
		if m.of(ours) == 0 {
			t.Errorf("%s was not measured: %+v", m.Name, m.Figures)
		}
	}
	left, err := filepath.Glob(filepath.Join(cache, "stave", "bench*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
