package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A result is all that was measured. In JSON, what wasn't is left out.
type result struct {
	Date    time.Time `json:"date"`
	Machine computer  `json:"machine"`
	// VM is how virtual machines were run. If there were none, NoVM says why.
	VM   *vm    `json:"virtualMachine,omitempty"`
	NoVM string `json:"noVirtualMachine,omitempty"`
	Rows []row  `json:"rows"`
}

// A computer is the machine that was measured on.
type computer struct {
	System     string `json:"system"` // kernel's name and version
	Arch       string `json:"arch"`
	Processors int    `json:"processors"`
	Memory     int64  `json:"memory"`    // bytes
	Available  int64  `json:"available"` // bytes that programs could still have before anything was started
	User       string `json:"user"`
}

// A vm is how virtual machines were run.
type vm struct {
	Qemu        string `json:"qemu"`        // version
	Accelerator string `json:"accelerator"` // kvm or tcg
	Why         string `json:"why,omitempty"`
	Kernel      string `json:"kernel"` // of the guest
	Memory      int    `json:"memory"` // MiB
	DiskCache   string `json:"diskCache"`
}

// A row is one property.
type row struct {
	Name string `json:"name"`
	// Unit is s (seconds), B (bytes), B/s or /s, or empty for a bare number.
	Unit string `json:"unit"`
	// More tells that a larger value is the better one.
	More bool   `json:"moreIsBetter,omitempty"`
	How  string `json:"how"`
	Book claim  `json:"book"`

	Process   float64 `json:"process,omitempty"` // on the machine itself
	Container float64 `json:"container,omitempty"`
	VM        float64 `json:"virtualMachine,omitempty"`

	Samples map[string][]float64 `json:"samples,omitempty"` // by "process", "container" and "virtualMachine"
}

// A claim is what chapter 0 says of both.
type claim struct {
	Container string `json:"container"`
	VM        string `json:"virtualMachine"`
}

// ahead is how many times better the container is; 0 if it isn't known.
func (r row) ahead() float64 {
	switch {
	case r.Container == 0 || r.VM == 0:
		return 0
	case r.More:
		return r.Container / r.VM
	}
	return r.VM / r.Container
}

// set keeps the samples of a place and their median.
func (r *row) set(place string, samples ...float64) {
	if r.Samples == nil {
		r.Samples = map[string][]float64{}
	}
	r.Samples[place] = samples
	switch m := median(samples); place {
	case inProcess:
		r.Process = m
	case inContainer:
		r.Container = m
	case inMachine:
		r.VM = m
	}
}

// Where a job runs, as the result names it.
const (
	inProcess   = "process"
	inContainer = "container"
	inMachine   = "virtualMachine"
)

var inWords = map[string]string{inProcess: "a process", inContainer: "a container", inMachine: "a virtual machine"}

// The rows, in the order of the book's table of claims.
const (
	rowStart = iota
	rowCPU
	rowWrite
	rowRead
	rowMemory
	rowDisk
	rowFit
)

// newRows are the properties, of which nothing is measured yet.
func newRows(e effort) []row {
	performance := claim{"near native", "weaker"}
	return []row{
		{Name: "start", Unit: "s", Book: claim{"seconds", "minutes"},
			How: fmt.Sprintf("from the command to the program's first line of output, median of %d starts of a container and %d of a virtual machine", e.starts, e.machineStarts)},
		{Name: "computing", Unit: "/s", More: true, Book: performance,
			How: fmt.Sprintf("sieves of Eratosthenes up to 65536 per second on one processor, by the clock inside, for %s; median of %s", inSeconds(e.cpu.Seconds()), e.often())},
		{Name: "writing", Unit: "B/s", More: true, Book: performance,
			How: fmt.Sprintf("a file of %s with fsync; median of %s", inBytes(float64(e.size)), e.often())},
		{Name: "reading", Unit: "B/s", More: true, Book: performance,
			How: "the same file, once the kernel was told to forget it; median of " + e.often()},
		{Name: "memory", Unit: "B", Book: claim{"little", "more"},
			How: fmt.Sprintf("of one that does nothing, seen from this machine: Pss of its processes (of a container stave, which waits for it, is one), "+
				"with what the kernel uses for the container's cgroup where that can be read; mean of %d processes and containers, and one virtual machine", e.instances)},
		{Name: fmt.Sprintf("disk for %d", e.instances), Unit: "B", Book: claim{"MB", "GB"},
			How: fmt.Sprintf("allocated on this machine: one image and %d running containers on its layers; %d copies, really made, of a virtual machine's disk with the same files", e.instances, e.instances)},
		{Name: "how many fit", More: true, Book: claim{"over a thousand", "tens"},
			How: "an estimate: memory that is available, divided by the memory of one"},
		{Name: "isolation", How: "not measured", Book: claim{"safe isolation", "complete isolation"}},
		{Name: "moving", How: "not measured", Book: claim{"excellent", "fair"}},
	}
}

// often tells how often a job was done.
func (e effort) often() string {
	return fmt.Sprintf("%d, of %d in a virtual machine", e.repeats, e.machineRepeats)
}

// thisMachine describes where we are.
func thisMachine() computer {
	h := computer{Arch: runtime.GOARCH, Processors: runtime.NumCPU(), Memory: statField("/proc/meminfo", "MemTotal:") * 1024, Available: available()}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		h.System = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
	}
	h.User = "an ordinary user"
	if os.Geteuid() == 0 {
		h.User = "root"
	}
	return h
}

// kernelName is a kernel's version, from its file's name.
func kernelName(image string) string {
	_, version, _ := strings.Cut(image, "vmlinuz-")
	return version
}

func (r result) writeJSON(file string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(b, '\n'), 0o644)
}
