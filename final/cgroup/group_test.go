package cgroup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/plan"
	"stave/internal/script"
)

// machine is the real layout, for tests that make cgroups. They are named stave-test-*, and gone afterwards.
func machine(t *testing.T, controllers ...string) Layout {
	t.Helper()
	script.Need(t, "root")
	l, err := Detect()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range controllers {
		if _, ok := l.find(c); !ok {
			script.Skip(t, "controller", "this machine has no "+c+" controller")
		}
	}
	return l
}

// run makes a cgroup and has a program run in it.
func run(t *testing.T, l Layout, where Where, r *specs.LinuxResources, text string) (Group, *plan.Process) {
	t.Helper()
	where.Privileged = true
	if where.Path == "" {
		where.Name = "stave-test-" + strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-"))
	}
	c, err := New(l, where, r)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Vacant(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := Remove(c.Dirs()); err != nil {
			t.Error(err)
		}
	})
	var p plan.Plan
	c.Create(&p)
	p.Clone(0, "", "", "")
	c.Join(&p)
	p.Add(sh(text))
	return Open(c.Dirs()), start(t, &p)
}

func sh(text string) plan.Op {
	return plan.Op{Actor: plan.Child, What: "executing sh", Calls: []plan.Call{
		{Name: "execve", Args: []plan.Arg{plan.Str("/bin/sh"), plan.Strs([]string{"sh", "-c", text}), plan.Strs(os.Environ())}}}}
}

func start(t *testing.T, p *plan.Plan) *plan.Process {
	t.Helper()
	proc, err := p.Run(plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = unix.PidfdSendSignal(proc.PidFD, unix.SIGKILL, nil, 0)
		unix.Close(proc.PidFD)
		_, _ = proc.Wait()
	})
	return proc
}

func contents(t *testing.T, file string) string {
	t.Helper()
	text, err := read(file)
	if err != nil {
		t.Error(err)
	}
	return strings.TrimSpace(text)
}

// until waits for something that comes about by itself.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within ten seconds", what)
		}
	}
}

func TestJoinsEveryHierarchy(t *testing.T) {
	l := machine(t, "memory")
	t.Cleanup(func() {
		for _, h := range l.Hierarchies {
			_ = unix.Rmdir(filepath.Join(h.Mount, "stave-test-outer"))
		}
	})
	g, proc := run(t, l, Where{Path: "/stave-test-outer/inner", All: true}, nil, "exec sleep 100")
	for line := range strings.Lines(contents(t, fmt.Sprintf("/proc/%d/cgroup", proc.Pid))) {
		if !strings.HasSuffix(strings.TrimSpace(line), "/stave-test-outer/inner") {
			t.Errorf("it is in %s", line)
		}
	}
	if pids, err := g.Pids(); err != nil || !slices.Equal(pids, []int{proc.Pid}) {
		t.Errorf("got the processes %v, %v, want %d", pids, err, proc.Pid)
	}
	c, err := New(l, Where{Path: "/stave-test-outer/inner", Privileged: true, All: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Vacant(); err == nil || !strings.Contains(err.Error(), "isn't empty: process "+fmt.Sprint(proc.Pid)) {
		t.Errorf("a cgroup with a process in it: %v", err)
	}
	var p plan.Plan
	p.Clone(0, "", "", "")
	if err := g.Add(&p, proc.Pid, false); err != nil {
		t.Fatal(err)
	}
	p.Add(sh("exec sleep 100"))
	second := start(t, &p)
	if a, b := contents(t, fmt.Sprintf("/proc/%d/cgroup", proc.Pid)), contents(t, fmt.Sprintf("/proc/%d/cgroup", second.Pid)); a != b {
		t.Errorf("a second process is in\n%s\nnot in\n%s", b, a)
	}
}

func TestLimits(t *testing.T) {
	l := machine(t, "memory", "cpu", "cpuset", "pids")
	ask := &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: to[int64](64 << 20), Swap: to[int64](64 << 20)},
		CPU:    &specs.LinuxCPU{Shares: to[uint64](512), Quota: to[int64](50_000), Period: to[uint64](100_000), Cpus: "0"},
		Pids:   &specs.LinuxPids{Limit: to[int64](20)},
	}
	g, _ := run(t, l, Where{All: true}, ask, "exec sleep 100")
	check := func(want map[string]string) {
		t.Helper()
		for file, value := range want {
			if path := g.with(file); path != "" && contents(t, path) != value {
				t.Errorf("%s is %s, want %s", file, contents(t, path), value)
			}
		}
	}
	check(map[string]string{
		"memory.limit_in_bytes": "67108864", "memory.memsw.limit_in_bytes": "67108864", "cpu.shares": "512", "cpu.cfs_quota_us": "50000", "cpuset.cpus": "0", "cpuset.effective_mems": "0", "cpuset.mems.effective": "0",
		"memory.max": "67108864", "memory.swap.max": "0", "cpu.weight": "59", "cpu.max": "50000 100000", "pids.max": "20",
	})
	// More than both limits were, less than both were, and values that are in each other's way.
	for _, mega := range []int64{128, 32} {
		ask := &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: to(mega << 20), Swap: to(mega << 20)}}
		if err := g.Update(l, ask, nil); err != nil {
			t.Error(err)
		}
		check(map[string]string{"memory.limit_in_bytes": fmt.Sprint(mega << 20), "memory.memsw.limit_in_bytes": fmt.Sprint(mega << 20), "memory.max": fmt.Sprint(mega << 20)})
	}
	if err := g.Update(l, &specs.LinuxResources{CPU: &specs.LinuxCPU{Period: to[uint64](20_000), Quota: to[int64](-1)}, Pids: &specs.LinuxPids{Limit: to[int64](-1)}}, nil); err != nil {
		t.Error(err)
	}
	check(map[string]string{"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "20000", "pids.max": "max", "cpu.max": "max 20000", "cpu.shares": "512"})
	if err := g.Update(l, &specs.LinuxResources{CPU: &specs.LinuxCPU{Cpus: "100000"}}, nil); err == nil || !strings.Contains(err.Error(), "setting cpuset.cpus to 100000 (cpu.cpus)") {
		t.Errorf("a processor that isn't there: %v", err)
	}
	if err := Open([]string{"/nowhere"}).Update(l, ask, nil); err == nil || !strings.Contains(err.Error(), "in no cgroup") {
		t.Errorf("no cgroup: %v", err)
	}
}

// What only version 2 has on this machine is set there, whatever version the rest is.
func TestLimitsOfVersion2(t *testing.T) {
	l := machine(t, "hugetlb", v2)
	if h, _ := l.find("hugetlb"); !h.V2 {
		script.Skip(t, "controller", "the hugetlb controller is version 1's here")
	}
	if _, err := os.Stat("/sys/kernel/mm/hugepages/hugepages-2048kB"); err != nil {
		script.Skip(t, "hugepages", "this machine has no huge pages of 2 MB")
	}
	ask := &specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 4 << 20}}, Unified: map[string]string{"cgroup.max.depth": "3"}}
	g, _ := run(t, l, Where{All: true}, ask, "exec sleep 100")
	for file, want := range map[string]string{"hugetlb.2MB.max": "4194304", "hugetlb.2MB.rsvd.max": "4194304", "cgroup.max.depth": "3"} {
		if got := contents(t, g.with(file)); got != want {
			t.Errorf("%s is %s, want %s", file, got, want)
		}
	}
}

// A frozen cgroup isn't vacant, though nothing is in it.
func TestVacantFrozen(t *testing.T) {
	l := machine(t, "memory")
	where := Where{Path: "/stave-test-vacant", Privileged: true, All: true}
	c, err := New(l, where, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := Remove(c.Dirs()); err != nil {
			t.Error(err)
		}
	})
	for _, d := range c.Dirs() {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Vacant(); err != nil {
		t.Error(err)
	}
	if err := Open(c.Dirs()).Freeze(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Vacant(); err == nil || !strings.Contains(err.Error(), "is frozen") {
		t.Errorf("got %v", err)
	}
}

func TestFreeze(t *testing.T) {
	for name, choose := range map[string]func(Layout) (Hierarchy, bool){
		"version 1": func(l Layout) (Hierarchy, bool) { return l.With("freezer") },
		"version 2": func(l Layout) (Hierarchy, bool) { return l.With(v2) },
	} {
		t.Run(name[8:], func(t *testing.T) {
			l := machine(t)
			h, ok := choose(l)
			if !ok {
				script.Skip(t, "freezer", "this machine has no freezer of "+name)
			}
			dir := filepath.Join(h.Mount, "stave-test-freeze")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			g := Open([]string{dir})
			t.Cleanup(func() {
				if err := Remove([]string{dir}); err != nil {
					t.Error(err)
				}
			})
			counter := filepath.Join(t.TempDir(), "counter")
			cmd := exec.Command("sh", "-c", "echo $$ >$0/cgroup.procs; while :; do echo >>"+counter+"; done", dir)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cmd.Wait() })
			size := func() int64 {
				info, err := os.Stat(counter)
				if err != nil {
					return 0
				}
				return info.Size()
			}
			until(t, "the first line", func() bool { return size() > 0 })
			if err := g.Freeze(t.Context()); err != nil {
				t.Fatal(err)
			}
			if frozen, err := g.Frozen(); !frozen || err != nil {
				t.Errorf("Frozen: %v, %v", frozen, err)
			}
			before := size()
			time.Sleep(20 * time.Millisecond)
			if size() != before {
				t.Error("it still writes")
			}
			if err := g.Thaw(t.Context()); err != nil {
				t.Fatal(err)
			}
			until(t, "another line", func() bool { return size() > before })
			if frozen, err := g.Frozen(); frozen || err != nil {
				t.Errorf("Frozen: %v, %v", frozen, err)
			}
			// What is frozen can be killed, too.
			if err := g.Freeze(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := g.Kill(); err != nil {
				t.Fatal(err)
			}
			until(t, "an empty cgroup", func() bool { pids, err := g.Pids(); return len(pids) == 0 && err == nil })
		})
	}
}

// A cgroup that can't be frozen in time goes on.
func TestFreezeGivesUp(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	fake := t.TempDir()
	for name, text := range map[string]string{"cgroup.controllers": "", "cgroup.freeze": "0\n", "cgroup.events": "populated 1\nfrozen 0\n"} {
		if err := os.WriteFile(filepath.Join(fake, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := Open([]string{fake}).Freeze(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if frozen, err := Open([]string{fake}).Frozen(); frozen || err != nil {
		t.Errorf("it was left to freeze: %v, %v", frozen, err)
	}
}

// Nor does it wait for what can't come any more: somebody has thawed it, as kill does.
func TestFreezeIsUndone(t *testing.T) {
	fake := fake(t, map[string]string{"cgroup.controllers": "", "cgroup.freeze": "0\n", "cgroup.events": "populated 0\nfrozen 0\n"})
	ended := make(chan error, 1)
	go func() { ended <- Open([]string{fake}).Freeze(t.Context()) }()
	file := filepath.Join(fake, "cgroup.freeze")
	until(t, "freezing", func() bool { return contents(t, file) == "1" })
	put(t, file, "0\n")
	select {
	case err := <-ended:
		if !errors.Is(err, errOpposite) {
			t.Errorf("got %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("it still waits")
	}
}

func TestRemoveTakesWhatIsBelow(t *testing.T) {
	l := machine(t, "memory")
	g, proc := run(t, l, Where{All: true}, nil, "sleep 100 & sleep 100 & wait")
	until(t, "three processes", func() bool { pids, _ := g.Pids(); return len(pids) == 3 })
	for _, d := range g.dirs {
		if err := os.MkdirAll(d+"/nested/deeper", 0o755); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(d, "/cpuset/") {
			continue
		}
		if err := write(d+"/nested/deeper/cgroup.procs", fmt.Sprint(proc.Pid)); err != nil {
			t.Fatal(err)
		}
	}
	if pids, err := g.Pids(); len(pids) != 3 || err != nil {
		t.Errorf("with one of them moved below: %v, %v", pids, err)
	}
	// Held by version 1's freezer nothing dies, and nothing can be removed.
	if state := g.with("freezer.state"); state != "" {
		if err := write(state, "FROZEN"); err != nil {
			t.Fatal(err)
		}
	}
	if err := Remove(g.dirs); err != nil {
		t.Fatal(err)
	}
	for _, d := range g.dirs {
		if _, err := os.Stat(d); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", d, err)
		}
	}
}

func TestStats(t *testing.T) {
	l := machine(t, "memory", "pids")
	ask := &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: to[int64](64 << 20)}, Pids: &specs.LinuxPids{Limit: to[int64](20)}}
	g, _ := run(t, l, Where{All: true}, ask, "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 100 & wait")
	until(t, "the second process", func() bool { pids, _ := g.Pids(); return len(pids) == 2 })
	s, err := g.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if s.Pids != (Pids{Current: 2, Limit: 20}) || s.Memory.Usage.Limit != 64<<20 || s.Memory.Usage.Usage == 0 || s.CPU.Usage.Total == 0 || len(s.Memory.Raw) == 0 {
		b, _ := json.MarshalIndent(s, "", " ")
		t.Errorf("got %s", b)
	}
}

func TestEvents(t *testing.T) {
	l := machine(t, "memory")
	ask := &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: to[int64](8 << 20), Swap: to[int64](8 << 20)}}
	// It runs out of memory again and again, so that whoever comes late sees it as well.
	g, _ := run(t, l, Where{All: true}, ask, "while :; do head -c 64M /dev/zero | tail -c 64M >/dev/null; sleep 0.05; done")
	ooms, ended := make(chan struct{}, 1000), make(chan error, 1)
	go func() { ended <- g.Events(context.Background(), func() { ooms <- struct{}{} }) }()
	called := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { called <- g.Events(ctx, func() {}) }()
	cancel()
	if err := <-called; err != nil {
		t.Errorf("called off: %v", err)
	}
	select {
	case <-ooms:
	case <-time.After(10 * time.Second):
		t.Fatal("no event, and memory ran out")
	}
	until(t, "a process that was killed", func() bool { return OOMKills(g.dirs) > 0 })
	if err := Remove(g.dirs); err != nil {
		t.Error(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it still waits, for a cgroup that is gone")
	}
}
