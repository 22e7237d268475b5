package cgroup

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"stave/final/plan"
)

var update = flag.Bool("update", false, "write the golden plans anew")

func TestWhere(t *testing.T) {
	const top = "/sys/fs/cgroup"
	limits := &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: to[int64](1 << 20)}}
	for name, tc := range map[string]struct {
		layout Layout
		where  Where
		limits *specs.LinuxResources
		want   []string
		err    error
	}{
		"no limits on v1":        {onV1, Where{Name: "c", Privileged: true}, nil, nil, nil},
		"no limits on v2":        {onV2, Where{Name: "c", Privileged: true}, nil, []string{top + "/c"}, nil},
		"limits on v1":           {onV1, Where{Name: "c", Privileged: true}, limits, []string{top + "/memory/c"}, nil},
		"limits, hybrid":         {hybrid, Where{Name: "c", Privileged: true}, limits, []string{top + "/memory/c"}, nil},
		"all, hybrid":            {hybrid, Where{Name: "c", Privileged: true, All: true}, nil, []string{top + "/unified/c", top + "/memory/c"}, nil},
		"absolute":               {hybrid, Where{Path: "/a/b", Privileged: true, All: true}, limits, []string{top + "/unified/a/b", top + "/memory/a/b"}, nil},
		"absolute, no way out":   {onV2, Where{Path: "/../../a/../b", Privileged: true}, limits, []string{top + "/b"}, nil},
		"relative on v1":         {onV1, Where{Path: "a/b", Privileged: true}, limits, []string{top + "/memory/jobs/7/a/b"}, nil},
		"relative, no way out":   {onV1, Where{Path: "../../b", Privileged: true}, limits, []string{top + "/memory/jobs/7/b"}, nil},
		"relative on v2":         {onV2, Where{Path: "a/b", Privileged: true}, limits, []string{top + "/user.slice/box/a/b"}, nil},
		"the top itself":         {onV2, Where{Path: "/", Privileged: true}, limits, nil, ErrNotDelegated},
		"delegated":              {onV2, Where{Name: "c", All: true}, limits, []string{top + "/user.slice/box/c"}, nil},
		"delegated, absolute":    {onV2, Where{Path: "/user.slice/box/x/c", All: true}, limits, []string{top + "/user.slice/box/x/c"}, nil},
		"delegated, elsewhere":   {onV2, Where{Path: "/user.slice/c", All: true}, nil, nil, nil},
		"limits elsewhere":       {onV2, Where{Path: "/user.slice/boxes/c", All: true}, limits, nil, ErrNotDelegated},
		"not delegated":          {hybrid, Where{Name: "c", All: true}, nil, nil, nil},
		"limits, not delegated":  {hybrid, Where{Name: "c", All: true}, limits, nil, ErrNotDelegated},
		"not handed down":        {onV2, Where{Name: "c"}, &specs.LinuxResources{CPU: &specs.LinuxCPU{Shares: to[uint64](5)}}, nil, ErrNotDelegated},
		"colons without systemd": {onV2, Where{Path: "/system.slice:docker:1", Privileged: true}, nil, []string{top + "/system.slice:docker:1"}, nil},
	} {
		c, err := New(tc.layout, tc.where, tc.limits)
		if !errors.Is(err, tc.err) {
			t.Errorf("%s: got error %v, want %v", name, err, tc.err)
			continue
		}
		if err == nil && strings.Join(c.Dirs(), " ") != strings.Join(tc.want, " ") {
			t.Errorf("%s: got %v, want %v", name, c.Dirs(), tc.want)
		}
	}
}

// The operations, as text. What a container without any field set gets is in all-*.plan.
func TestPlans(t *testing.T) {
	ask := &specs.LinuxResources{
		Memory:  &specs.LinuxMemory{Limit: to[int64](1 << 20), Swap: to[int64](1 << 20)},
		CPU:     &specs.LinuxCPU{Cpus: "0"},
		BlockIO: &specs.LinuxBlockIO{Weight: to[uint16](500)},
		Devices: []specs.LinuxDeviceCgroup{{Access: "rwm"}, {Allow: true, Type: "b", Major: to[int64](8), Access: "r"}},
	}
	owner := uint32(100000)
	for name, tc := range map[string]struct {
		layout Layout
		where  Where
		ask    *specs.LinuxResources
	}{
		"all-v1":        {onV1, Where{Path: "/a/b", Privileged: true, All: true}, nil},
		"all-v2":        {onV2, Where{Path: "/a/b", Privileged: true, All: true}, nil},
		"limits-v1":     {onV1, Where{Name: "c", Privileged: true}, ask},
		"limits-v2":     {onV2, Where{Path: "/a/b", Privileged: true, All: true}, ask},
		"owner":         {onV2, Where{Name: "c", Privileged: true, Owner: &owner}, nil},
		"systemd-v1":    {onV1, Where{Path: "a-b.slice:docker:c", Privileged: true, Systemd: true, All: true}, ask},
		"systemd-v2":    {onV2, Where{Path: "a-b.slice:docker:c", Privileged: true, Systemd: true, All: true, Owner: &owner}, ask},
		"systemd-user":  {onV2, Where{Name: "c", Systemd: true, All: true, Manager: Manager{"/user.slice/user@1000.service", []string{"memory", "pids"}}}, nil},
		"systemd-slice": {onV2, Where{Path: "a.slice::a-b.slice", Privileged: true, Systemd: true, All: true}, nil},
	} {
		c, err := New(tc.layout, tc.where, tc.ask)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i := range c.dirs {
			if c.dirs[i].owner != nil { // what the kernel lists depends on its version
				c.dirs[i].may = []string{"cgroup.procs", "cgroup.subtree_control", "cgroup.threads"}
			}
		}
		var p plan.Plan
		c.Create(&p)
		c.Join(&p)
		var got bytes.Buffer
		if err := p.WriteText(&got, nil); err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", name+".plan")
		if *update {
			if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("the plan differs from %s (%v); if that is meant, run: go test ./final/cgroup -update\n%s", golden, err, got.String())
		}
	}
}

func TestLeaf(t *testing.T) {
	const dir = "/sys/fs/cgroup/top/a"
	for own, want := range map[string]string{
		"/top/a":       "",
		"/top/a/init":  dir + "/init",
		"/a/init/deep": dir + "/init/deep", // seen from a cgroup namespace
		"/elsewhere":   "",
		"/top/ab":      "",
		"/":            "",
	} {
		if got := leaf(dir, "4:memory:/a/b\n0::"+own+"\n"); got != want {
			t.Errorf("init in %s: got %q, want %q", own, got, want)
		}
	}
}

func TestGroupsThatAreNot(t *testing.T) {
	gone := Open([]string{t.TempDir() + "/gone"})
	if frozen, err := gone.Frozen(); frozen || err != nil {
		t.Errorf("Frozen: %v, %v", frozen, err)
	}
	if _, err := gone.Pids(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Pids: %v", err)
	}
	if err := gone.Freeze(t.Context()); !errors.Is(err, ErrNoFreezer) {
		t.Errorf("Freeze: %v", err)
	}
	if err := gone.Kill(); err != nil {
		t.Errorf("Kill: %v", err)
	}
	if _, err := gone.Stats(); err == nil {
		t.Error("Stats of nothing")
	}
	if err := gone.Events(t.Context(), nil); err == nil {
		t.Error("Events of nothing")
	}
	if pids, err := Open(nil).Pids(); len(pids) > 0 || err != nil {
		t.Errorf("Pids without directories: %v, %v", pids, err)
	}
}

func TestReadRules(t *testing.T) {
	for want, list := range map[string][]specs.LinuxDeviceCgroup{
		"":                                nil,
		"c 1:2 rw":                        {{Allow: true, Type: "c", Major: to[int64](1), Minor: to[int64](2), Access: "wr"}},
		"b *:* rwm c *:* rwm":             {{Allow: true, Major: to[int64](-1), Access: ""}, {Allow: false}, {Allow: true, Type: "b"}, {Allow: true, Type: "c"}},
		"b 8:* m c 8:* m":                 {{Allow: true, Type: "a", Major: to[int64](8), Access: "m"}},
		"!devices[1]: type \"p\"":         {{}, {Type: "p"}},
		"!devices[0]: access \"rx\"":      {{Access: "rx"}},
		"!devices[0]: there is no device": {{Major: to[int64](1 << 40)}},
	} {
		d, err := readRules(list)
		if w, fails := strings.CutPrefix(want, "!"); fails {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("got %v, want %s", err, w)
			}
			continue
		}
		var got []string
		for _, r := range d.rules[:len(d.rules)-len(usual)] {
			got = append(got, r.String())
		}
		if err != nil || strings.Join(got, " ") != want || !reflect.DeepEqual(d.rules[len(d.rules)-len(usual):], usual) {
			t.Errorf("got %v, %v, want %s", got, err, want)
		}
	}
	for _, free := range [][]specs.LinuxDeviceCgroup{{{Allow: true, Access: "rwm"}}, {{Type: "c"}, {Allow: true}, {Allow: true, Type: "b"}}} {
		if d, err := readRules(free); d != nil || err != nil {
			t.Errorf("%v: got %v, %v, but nothing is forbidden", free, d, err)
		}
	}
}

// What version 1 would pass over in silence is refused.
func TestHoles(t *testing.T) {
	allow := specs.LinuxDeviceCgroup{Allow: true, Type: "c", Major: to[int64](10), Access: "rwm"}
	one := specs.LinuxDeviceCgroup{Type: "c", Major: to[int64](10), Minor: to[int64](229), Access: "r"}
	whole := specs.LinuxDeviceCgroup{Type: "c", Major: to[int64](10), Access: "r"}
	other := specs.LinuxDeviceCgroup{Type: "c", Major: to[int64](11), Access: "r"}
	for _, tc := range []struct {
		list []specs.LinuxDeviceCgroup
		hole bool
	}{
		{[]specs.LinuxDeviceCgroup{allow, one}, true},
		{[]specs.LinuxDeviceCgroup{one, allow}, false},
		{[]specs.LinuxDeviceCgroup{allow, whole}, false},
		{[]specs.LinuxDeviceCgroup{allow, other}, false},
		{[]specs.LinuxDeviceCgroup{{Allow: true}, {Type: "c"}}, true}, // all of c, of which the usual ones are then allowed
		{[]specs.LinuxDeviceCgroup{{Allow: true}, other}, false},
	} {
		_, err := New(onV1, Where{Name: "c", Privileged: true}, &specs.LinuxResources{Devices: tc.list})
		if (err != nil) != tc.hole {
			t.Errorf("%v: got %v", tc.list, err)
		}
		if _, err := New(onV2, Where{Name: "c", Privileged: true}, &specs.LinuxResources{Devices: tc.list}); err != nil {
			t.Errorf("%v on version 2: %v", tc.list, err)
		}
	}
}
