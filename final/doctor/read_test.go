package doctor

import (
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"golang.org/x/sys/unix"

	"stave/final/cgroup"
)

func TestLayout(t *testing.T) {
	v1, v2 := cgroup.Hierarchy{Mount: "/sys/fs/cgroup/memory"}, cgroup.Hierarchy{Mount: "/sys/fs/cgroup", V2: true}
	for want, hierarchies := range map[string][]cgroup.Hierarchy{
		"none": nil, "v1": {v1}, "v2": {v2}, "hybrid": {v1, v2},
	} {
		if got := layout(cgroup.Layout{Hierarchies: hierarchies}); got != want {
			t.Errorf("layout %q, want %q, of %+v", got, want, hierarchies)
		}
	}
}

// A container's cgroup is made at the top by root, and beside the own one by anybody else who owns what is around both.
func TestPlace(t *testing.T) {
	top := t.TempDir()
	around := filepath.Join(top, "app.slice")
	if err := os.Mkdir(around, 0o755); err != nil {
		t.Fatal(err)
	}
	v2 := cgroup.Hierarchy{Mount: top, Own: "/app.slice/shell.scope", V2: true}
	check := func(h cgroup.Hierarchy, privileged bool, wantDir string, want unix.Errno) {
		t.Helper()
		if _, dir, refused := place(h, privileged); dir != wantDir || refused != want {
			t.Errorf("%+v: %s, %d; want %s, %d", h, dir, refused, wantDir, want)
		}
	}
	check(v2, true, top, 0)
	check(v2, false, around, unix.ENOENT)
	for _, name := range []string{"cgroup.procs", "cgroup.subtree_control"} {
		if err := os.WriteFile(filepath.Join(around, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	check(v2, false, around, 0)
	check(cgroup.Hierarchy{Mount: top, Own: "/somewhere"}, false, top, 0)
}

func TestParseDisabled(t *testing.T) {
	got := parseDisabled("#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t1\t1\t1\nmemory\t0\t30\t0\n")
	if want := map[string]bool{"memory": true}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestParseIDRanges(t *testing.T) {
	got := parseIDRanges("ann:100000:65536\n# ann:1:2:3\n\n1001:165536:65536\nbob:x:65536\nbob:1:-2\ncarl:5:0\ndora:4294967296:1")
	want := []IDRange{{"ann", 100000, 65536}, {"1001", 165536, 65536}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestStatusField(t *testing.T) {
	status := "Name:\tbash\nCapInh:\t0000000000000000\nCapEff:\t000001ffffffffff\nSeccomp:\t2\nSeccomp_filters:\t1\n"
	if got := statusField(status, "CapEff", 16); got != 0x1ffffffffff {
		t.Errorf("CapEff %#x", got)
	}
	if got := statusField(status, "Seccomp", 10); got != 2 {
		t.Errorf("Seccomp %d", got)
	}
	if got := statusField(status, "NoSuchField", 10); got != 0 {
		t.Errorf("NoSuchField %d", got)
	}
}

func TestWSL(t *testing.T) {
	for release, want := range map[string]int{
		"4.4.0-19041-Microsoft":                1,
		"5.15.153.1-microsoft-standard-WSL2":   2,
		"6.6.36.3-microsoft-standard-WSL2-own": 2,
		"6.8.0-1021-azure":                     0,
	} {
		if got := wsl(release); got != want {
			t.Errorf("%s is WSL %d, want %d", release, got, want)
		}
	}
}

// Whatever is in /etc/subuid leads to a finding that can be printed.
func FuzzSubordinateIDs(f *testing.F) {
	f.Add("ann:4294967295:4294967295\nann:1:1")
	f.Add("bob:100000:65536\n1000:100000:65536\n:::")
	f.Fuzz(func(t *testing.T, subuid string) {
		facts := asOrdinaryUser()
		facts.SubUID = parseIDRanges(subuid)
		for _, r := range facts.SubUID {
			if r.Count == 0 || r.Start+r.Count < r.Start {
				t.Errorf("range %+v", r)
			}
		}
		if err := Print(io.Discard, Diagnose(facts), false); err != nil {
			t.Error(err)
		}
	})
}
