package doctor

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const probeArg = "probe-for-a-test"

// TestMain lets the test binary be the program that Gather starts again.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == probeArg {
		if err := Probe(os.Stdout, os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// On the machine that runs this, whatever it is, every trial is carried out or
// has a cause, nothing is left in the directories, and no mount stays.
func TestGather(t *testing.T) {
	dir := t.TempDir()
	before := read("/proc/self/mountinfo")
	f, err := Gather(t.Context(), Options{Dirs: []string{dir, filepath.Join(dir, "not/there/yet")}, Self: []string{probeArg}})
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if after := read("/proc/self/mountinfo"); after != before {
		t.Errorf("mounts were:\n%s\nand are:\n%s", before, after)
	}
	if len(f.Dirs) != 2 || f.Dirs[1].Path != dir {
		t.Errorf("directories %+v, want %s twice", f.Dirs, dir)
	}
	if f.Trials.Clone == 0 && f.Trials.Private == 0 {
		for _, d := range f.Dirs {
			if !d.Tried {
				t.Errorf("no overlay was tried in %+v", d)
			}
		}
		if len(f.Trials.Calls) != len(probes) {
			t.Errorf("calls tried: %v", f.Trials.Calls)
		}
		if len(f.Trials.Networks) != len(networks) {
			t.Errorf("networks tried: %v", f.Trials.Networks)
		}
	}
	if f.Release == "" || f.User == "" || f.Cgroups.Layout == "" {
		t.Errorf("facts are missing in %+v", f)
	}
	if t.Failed() {
		for _, finding := range Diagnose(f) {
			t.Logf("%+v", finding)
		}
	}
}

// A directory that can't be written is a fact, not an error. In proc nobody can make one.
func TestGatherRefused(t *testing.T) {
	f, err := Gather(t.Context(), Options{Dirs: []string{"/proc/self"}, Self: []string{probeArg}})
	if err != nil {
		t.Fatal(err)
	}
	if d := f.Dirs[0]; d.Create == 0 || d.Tried {
		t.Errorf("%+v, want an error of Create", d)
	}
}

// A program that doesn't answer as Probe does is an error that says what it said.
func TestGatherStranger(t *testing.T) {
	_, err := Gather(t.Context(), Options{Self: []string{"-no-such-flag"}})
	if err == nil || !strings.Contains(err.Error(), "no-such-flag") {
		t.Errorf("error %v", err)
	}
}

func TestPrint(t *testing.T) {
	ubuntu := asOrdinaryUser()
	refuseUserNS(ubuntu, unix.EACCES)
	ubuntu.Sysctl["kernel.apparmor_restrict_unprivileged_userns"] = "1"
	hybrid := asOrdinaryUser()
	hybrid.MapTools = nil
	hybrid.Cgroups.Layout = "hybrid"
	for i := range hybrid.Cgroups.Controllers {
		c := &hybrid.Cgroups.Controllers[i]
		*c = Controller{Name: c.Name, Version: 1, Dir: "/sys/fs/cgroup/" + c.Name, Write: unix.EACCES}
	}
	for _, test := range []struct {
		golden string
		facts  *Facts
		colour bool
	}{
		{"root", asRoot(), false},
		{"root-colour", asRoot(), true},
		{"ubuntu", ubuntu, false},
		{"docker", inDocker(), false},
		{"docker-colour", inDocker(), true},
		{"hybrid", hybrid, false},
	} {
		t.Run(test.golden, func(t *testing.T) {
			var got bytes.Buffer
			if err := Print(&got, Diagnose(test.facts), test.colour); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", test.golden+".golden")
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("got:\n%s\nwant (go test -update rewrites it):\n%s", got.Bytes(), want)
			}
		})
	}
}

func TestColourful(t *testing.T) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for name, w := range map[string]io.Writer{"a buffer": new(bytes.Buffer), "a file": file} {
		if Colourful(w) {
			t.Errorf("%s gets colour", name)
		}
	}
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	if !Colourful(terminal) {
		t.Error("a terminal gets no colour")
	}
	t.Setenv("NO_COLOR", "1")
	if Colourful(terminal) {
		t.Error("a terminal gets colour in spite of NO_COLOR")
	}
}

func TestWrap(t *testing.T) {
	text := "one two three  four\nfive sixseveneight nine"
	got := slices.Collect(wrap(text, 10))
	want := []string{"one two", "three four", "five", "sixseveneight", "nine"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What the kernel says of a trial arrives. It makes no interface of a kind that doesn't exist, for whoever asks.
func TestMakeLinkRefused(t *testing.T) {
	if err := makeLink("no-such-kind"); err != unix.EOPNOTSUPP && err != unix.EPERM {
		t.Errorf("error %v", err)
	}
}
