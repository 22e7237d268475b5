package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stave/internal/host"
	"stave/internal/script"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) {
	script.Main(m, map[string]func(){"bench": func() { os.Exit(run()) }})
}

func TestScripts(t *testing.T) { script.Run(t, "testdata") }

// sample is a result with figures as they come, and one for which the virtual machine is ahead.
func sample() result {
	r := result{
		Date:    time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		Machine: computer{System: "Linux 6.12.0", Arch: "amd64", Processors: 2, Memory: 25e9, Available: 20e9, User: "root"},
		VM:      &vm{Qemu: "7.2.22", Accelerator: "tcg", Why: "kvm can't be used here: no <kvm>", Kernel: "6.1.0-cloud", Memory: 256, DiskCache: "none"},
		Rows:    newRows(thorough),
	}
	for row, v := range map[int][3]float64{
		rowStart: {0.0021, 0.0294, 4.31}, rowCPU: {6800, 6790.4, 1234.5}, rowWrite: {450e6, 445e6, 34e6}, rowRead: {1.2e9, 94.1e6, 186e6},
		rowMemory: {1.4e6, 7e6, 248e6}, rowDisk: {0, 19e6, 98.4e6},
	} {
		for i, place := range []string{inProcess, inContainer, inMachine} {
			if v[i] > 0 {
				r.Rows[row].set(place, v[i])
			}
		}
	}
	m := measurement{result: r}
	m.estimate()
	return m.result
}

func TestOutput(t *testing.T) {
	alone := sample()
	alone.VM, alone.NoVM = nil, "qemu is not installed: install it"
	for i := range alone.Rows {
		alone.Rows[i].VM = 0
	}
	kvm := sample()
	kvm.VM.Accelerator, kvm.VM.Why = "kvm", ""
	for file, write := range map[string]func(*bytes.Buffer) error{
		"table.golden":       func(b *bytes.Buffer) error { return sample().writeTable(b) },
		"table-kvm.golden":   func(b *bytes.Buffer) error { return kvm.writeTable(b) },
		"table-alone.golden": func(b *bytes.Buffer) error { return alone.writeTable(b) },
		"plot.svg":           func(b *bytes.Buffer) error { return sample().draw(b) },
	} {
		t.Run(file, func(t *testing.T) { compareGolden(t, file, write) })
	}
}

// compareGolden compares what is written with a golden file, or writes that anew.
func compareGolden(t *testing.T, file string, write func(*bytes.Buffer) error) {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("it is\n%s\nwant\n%s", b.String(), want)
	}
}

func TestFormats(t *testing.T) {
	for want, got := range map[string]string{
		"29 ms": inSeconds(0.0294), "2.1 ms": inSeconds(0.0021), "4.3 s": inSeconds(4.31), "1 s": inSeconds(1),
		"512 B": inBytes(512), "1 MB": inBytes(999_600), "1.5 kB": inBytes(1500), "2 TB": inBytes(2e12),
		"999": grouped(999), "1,000": grouped(1000), "12,345,678": grouped(12345678),
		"4.6×": times(4.6), "0.5×": times(0.5), "0.04×": times(0.04), "1,467×": times(1467), "–": times(0),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		samples []float64
		want    float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 9}, 3}} {
		if got := median(c.samples); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.samples, got, c.want)
		}
	}
}

func TestAllocated(t *testing.T) {
	dir := t.TempDir()
	const size, written = 64 << 20, 1 << 20
	file := filepath.Join(dir, "sparse")
	if err := os.WriteFile(file, bytes.Repeat([]byte("x"), written), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, size); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(file, filepath.Join(dir, "same")); err != nil {
		t.Fatal(err)
	}
	once, err := allocated(dir)
	if err != nil || once < written || once > 2*written {
		t.Errorf("%d bytes are allocated, %v; want a little over %d", once, err, written)
	}
	if err := copySparse(file, filepath.Join(dir, "copy")); err != nil {
		t.Fatal(err)
	}
	twice, err := allocated(dir)
	if err != nil || twice < once+written || twice > once+2*written {
		t.Errorf("with a copy %d bytes are allocated, %v; want about %d", twice, err, 2*once)
	}
	info, err := os.Stat(filepath.Join(dir, "copy"))
	if err != nil || info.Size() != size {
		t.Errorf("the copy has %v bytes, %v; want %d", info.Size(), err, size)
	}
}

func TestCgroupOf(t *testing.T) {
	const hybrid = "9:memory:/stave-1\n4:cpu,cpuacct:/x\n0::/user\n"
	for _, c := range []struct {
		controller string
		v2         bool
		want       string
	}{{"memory", false, "/stave-1"}, {"cpuacct", false, "/x"}, {"memory", true, "/user"}, {"pids", false, ""}} {
		if got, _ := cgroupOf(hybrid, c.controller, c.v2); got != c.want {
			t.Errorf("%s (v2 %v) is at %q, want %q", c.controller, c.v2, got, c.want)
		}
	}
}

// The whole of it, in little. That the figures are good can't be tested; that there are some, and that nothing is left, can.
func TestVM(t *testing.T) {
	if testing.Short() {
		return // it has been run at length
	}
	script.Need(t, "source", "userns", "exec:qemu-system-x86_64", "exec:apt-get", "exec:mkfs.ext4")
	cache := t.TempDir()
	host.Watch(t, cache)
	useCaches(t, cache)
	r, err := measureVM(t.Context(), quick)
	if err != nil {
		t.Fatal(err)
	}
	if r.VM == nil {
		t.Fatalf("there was no virtual machine: %s", r.NoVM)
	}
	for _, row := range r.Rows[:rowFit+1] {
		if row.ahead() == 0 || row.Process == 0 && row.Name != r.Rows[rowDisk].Name && row.Name != r.Rows[rowFit].Name {
			b, _ := json.Marshal(row)
			t.Errorf("%s was not measured: %s", row.Name, b)
		}
	}
	left, err := filepath.Glob(filepath.Join(cache, "stave", "*"))
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v; want the kernels and no more", left, err)
	}
}

// useCaches makes dir the place to work in. What takes long to fetch or to compile is taken from where it always is.
func useCaches(t *testing.T, dir string) {
	outer, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	kernels := filepath.Join(outer, "stave", "vm")
	for _, d := range []string{kernels, filepath.Join(dir, "stave")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(kernels, filepath.Join(dir, "stave", "vm")); err != nil {
		t.Fatal(err)
	}
	compiled, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOCACHE", strings.TrimSpace(string(compiled)))
	t.Setenv("XDG_CACHE_HOME", dir)
}
