package cgroup

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// fake is a directory that looks like a cgroup, for what this machine's cgroups don't have.
func fake(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		put(t, filepath.Join(dir, name), text)
	}
	return dir
}

func put(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestStatsOfVersion2(t *testing.T) {
	dir := fake(t, map[string]string{
		"cgroup.procs": "7\n", "cgroup.controllers": "cpu io memory pids hugetlb\n",
		"cpu.stat":       "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_periods 4\nnr_throttled 3\nthrottled_usec 2\n",
		"cpu.pressure":   "some avg10=1.50 avg60=2.00 avg300=3.00 total=400\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=5\n",
		"cpuset.cpus":    "0-2,5\n",
		"memory.current": "100\n", "memory.max": "1000\n", "memory.peak": "200\n", "memory.swap.current": "5\n", "memory.swap.max": "max\n",
		"memory.stat": "anon 60\nfile 40\n", "memory.events": "low 0\nmax 9\noom 1\n",
		"pids.current": "3\n", "pids.max": "max\n",
		"io.stat":             "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6 =\n",
		"hugetlb.2MB.current": "4\n", "hugetlb.2MB.max": "max\n", "hugetlb.2MB.rsvd.current": "6\n", "hugetlb.2MB.events": "max 8\n",
	})
	got, err := Open([]string{dir}).Stats()
	if err != nil {
		t.Fatal(err)
	}
	want := Stats{
		CPU: CPU{Usage: Usage{Total: 30_000, User: 20_000, Kernel: 10_000}, Throttling: Throttling{4, 3, 2_000},
			PSI: &PSI{Some: Pressure{1.5, 2, 3, 400}, Full: Pressure{Total: 5}}},
		CPUSet: CPUSet{CPUs: []uint16{0, 1, 2, 5}},
		Memory: Memory{Cache: 40, Usage: MemoryEntry{Limit: 1000, Usage: 100, Max: 200, Failcnt: 9}, Swap: MemoryEntry{Limit: math.MaxUint64, Usage: 105},
			Raw: map[string]uint64{"anon": 60, "file": 40}},
		Pids:    Pids{Current: 3},
		Blkio:   Blkio{IoServiceBytesRecursive: []BlkioEntry{{8, 0, "Read", 1}, {8, 0, "Write", 2}}, IoServicedRecursive: []BlkioEntry{{8, 0, "Read", 3}, {8, 0, "Write", 4}}},
		Hugetlb: map[string]Hugetlb{"2MB": {Usage: 6, Failcnt: 8}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestStatsOfVersion1(t *testing.T) {
	cpu := fake(t, map[string]string{"cgroup.procs": "7\n", "cpu.stat": "nr_periods 4\nnr_throttled 3\nthrottled_time 2\n", "cpuacct.usage": "30\n", "cpuacct.usage_percpu": "10 20 \n",
		"cpuacct.stat": "user 1\nsystem 2\n", "cpuacct.usage_all": "cpu user system\n0 4 6\n1 8 12\n"})
	rest := fake(t, map[string]string{"memory.usage_in_bytes": "100\n", "memory.limit_in_bytes": "1000\n", "memory.max_usage_in_bytes": "200\n", "memory.failcnt": "9\n", "memory.memsw.usage_in_bytes": "110\n",
		"memory.stat": "cache 40\n", "blkio.throttle.io_service_bytes_recursive": "8:0 Read 1\n8:0 Total 1\nTotal 1\n", "blkio.time_recursive": "8:0 5\n",
		"hugetlb.1GB.usage_in_bytes": "4\n", "hugetlb.1GB.max_usage_in_bytes": "5\n", "hugetlb.1GB.failcnt": "6\n"})
	got, err := Open([]string{cpu, rest}).Stats()
	if err != nil {
		t.Fatal(err)
	}
	want := Stats{
		CPU:     CPU{Usage: Usage{Total: 30, User: 10_000_000, Kernel: 20_000_000, Percpu: []uint64{10, 20}, PercpuUser: []uint64{4, 8}, PercpuKernel: []uint64{6, 12}}, Throttling: Throttling{4, 3, 2}},
		Memory:  Memory{Cache: 40, Usage: MemoryEntry{Limit: 1000, Usage: 100, Max: 200, Failcnt: 9}, Swap: MemoryEntry{Usage: 110}, Raw: map[string]uint64{"cache": 40}},
		Pids:    Pids{Current: 1},
		Blkio:   Blkio{IoServiceBytesRecursive: []BlkioEntry{{8, 0, "Read", 1}, {8, 0, "Total", 1}}, IoTimeRecursive: []BlkioEntry{{8, 0, "", 5}}},
		Hugetlb: map[string]Hugetlb{"1GB": {Usage: 4, Max: 5, Failcnt: 6}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func FuzzStats(f *testing.F) {
	f.Add("8:0 rbytes=1 =\n", "a-b,5-\n", "some avg10=x\n")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, io, set, psi string) {
		for name, text := range map[string]string{"cgroup.procs": io, "io.stat": io, "memory.stat": io, "blkio.time_recursive": io, "cpuset.cpus": set, "cpu.pressure": psi} {
			put(t, filepath.Join(dir, name), text)
		}
		_, _ = Open([]string{dir}).Stats() // whatever the files say, it ends
	})
}

func TestEventsOfVersion2(t *testing.T) {
	dir := fake(t, map[string]string{"memory.events": "oom 1\noom_kill 1\n", "cgroup.events": "populated 1\nfrozen 0\n"})
	ooms, ended := make(chan struct{}, 10), make(chan error, 1)
	go func() { ended <- Open([]string{dir}).Events(t.Context(), func() { ooms <- struct{}{} }) }()
	// What happened before isn't told; from when on it watches can't be seen from here.
	for n := 2; ; n++ {
		put(t, dir+"/memory.events", "oom "+strings.Repeat("9", n)+"\n")
		select {
		case <-ooms:
		case <-time.After(10 * time.Millisecond):
			if n < 18 {
				continue
			}
			t.Error("no event")
		}
		break
	}
	put(t, dir+"/cgroup.events", "populated 0\nfrozen 0\n")
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it still waits, for a cgroup without processes")
	}
}

// On version 2 an update writes files of one directory, in whatever version of their contents it finds.
func TestUpdateOfVersion2(t *testing.T) {
	top := t.TempDir()
	dir := top + "/c"
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"memory.max": "1000\n", "memory.swap.max": "0\n", "memory.current": "500\n", "cpu.max": "5000 100000\n", "io.weight": "default 100\n"} {
		put(t, filepath.Join(dir, name), text)
	}
	l := Layout{Hierarchies: []Hierarchy{{Mount: top, V2: true, Controllers: []string{"cpu", "memory", "io"}}}}
	g := Open([]string{dir})
	ask := &specs.LinuxResources{
		Memory:  &specs.LinuxMemory{Swap: to[int64](1500)},
		CPU:     &specs.LinuxCPU{Period: to[uint64](20_000)},
		BlockIO: &specs.LinuxBlockIO{Weight: to[uint16](10)},
	}
	if err := g.Update(l, ask, nil); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"memory.max": "1000", "memory.swap.max": "500", "cpu.max": "5000 20000", "io.weight": "1"} {
		if got, _ := read(filepath.Join(dir, name)); !strings.HasPrefix(got, want) { // no real file keeps the rest
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	ask = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: to[int64](400), CheckBeforeUpdate: to(true)}}
	if err := g.Update(l, ask, nil); err == nil || !strings.Contains(err.Error(), "memory.limit: 400 is no more than the 500 bytes in use") {
		t.Errorf("a limit below what is in use: %v", err)
	}
	// What the kernel lacks is an error that names it, and doesn't keep the others from being set.
	ask = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: to[int64](600), Reservation: to[int64](5)}}
	if err := g.Update(l, ask, nil); err == nil || !strings.Contains(err.Error(), "setting memory.low to 5 (memory.reservation)") || strings.Contains(err.Error(), "memory.limit") {
		t.Errorf("no memory.low: %v", err)
	}
	if got, _ := read(dir + "/memory.max"); !strings.HasPrefix(got, "600") {
		t.Errorf("memory.max is %q", got)
	}
}
