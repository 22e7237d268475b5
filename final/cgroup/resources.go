package cgroup

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/plan"
)

// A setting is one file of a cgroup and what goes into it.
type setting struct {
	controller string
	field      string // of linux.resources
	file       string
	value      string
	why        string
	missing    missing
	other      [2]string // the file and the value instead, if the first file is missing
	dir        string
}

// missing says what it means if the kernel has no such file.
type missing uint8

const (
	isError missing = iota
	isFine          // nothing is lost that could be had
)

// write appends the operation that sets it.
func (s setting) write(p *plan.Plan) {
	op := plan.Op{Actor: plan.Parent, What: s.what(), Step: step, Why: s.why,
		Calls: p.WriteFile(plan.Str(filepath.Join(s.dir, s.file)), plan.Str(s.value))}
	if s.missing == isFine || s.other[0] != "" {
		op.Calls[0].Allow = []unix.Errno{unix.ENOENT}
	}
	if s.other[0] != "" {
		other := p.WriteFile(plan.Str(filepath.Join(s.dir, s.other[0])), plan.Str(s.other[1]))
		other[0].Unless = op.Calls[0].Result
		op.Calls = append(op.Calls, other...)
	}
	p.Add(op)
}

func (s setting) what() string {
	return fmt.Sprintf("setting %s to %s (%s)", s.file, s.value, s.field)
}

// A translator makes settings of the fields of linux.resources: those of the version that the machine has each controller in.
// A limit that can't be had is an error that names its field. As for runc and crun, a zero limit is none, except for pids.
type translator struct {
	layout Layout
	// current is what a file of a running container says, "" if nothing is known. It is nil for a new one.
	current func(controller, file string) string
	list    []setting
	errs    []error
}

// translate is the settings of all controllers but devices.
func translate(l Layout, r *specs.LinuxResources, current func(controller, file string) string) ([]setting, error) {
	t := &translator{layout: l, current: current}
	if t.current == nil {
		t.current = func(string, string) string { return "" }
	}
	if r.Memory != nil {
		t.memory(r.Memory)
	}
	if r.CPU != nil {
		t.cpu(r.CPU)
		t.cpuset(r.CPU)
	}
	if r.Pids != nil && r.Pids.Limit != nil {
		t.on("pids", "pids.limit") // 0 is a limit, too
		t.set("pids", "pids.limit", "pids.max", maximum(*r.Pids.Limit), "the next fork beyond it fails with EAGAIN, so a fork bomb stops")
	}
	if r.BlockIO != nil {
		t.blockIO(r.BlockIO)
	}
	t.hugepages(r.HugepageLimits)
	if r.Network != nil {
		t.network(r.Network)
	}
	t.rdma(r.Rdma)
	t.unified(r.Unified)
	return t.list, errors.Join(t.errs...)
}

// on tells which version has a controller, and that it has none if that is so.
func (t *translator) on(controller, field string) (v2, ok bool) {
	h, ok := t.layout.find(controller)
	if !ok {
		t.fail("limiting %s: this machine has no %s controller, which %s needs (see /proc/cgroups)", controller, controller, field)
	}
	return h.V2, ok
}

func (t *translator) set(controller, field, file, value, why string) *setting {
	t.list = append(t.list, setting{controller: controller, field: field, file: file, value: value, why: why})
	return &t.list[len(t.list)-1]
}

func (t *translator) fail(format string, args ...any) {
	t.errs = append(t.errs, fmt.Errorf(format, args...))
}

// onlyV1 refuses a field that version 2 has nothing for.
func (t *translator) onlyV1(v2 bool, field string, given bool) bool {
	if v2 && given {
		t.fail("%s: cgroup version 2 has no such setting", field)
	}
	return given && !v2
}

func (t *translator) hugepages(limits []specs.LinuxHugepageLimit) {
	for _, limit := range limits {
		v2, ok := t.on("hugetlb", "hugepageLimits")
		if !ok {
			return
		}
		if strings.ContainsAny(limit.Pagesize, "/.") {
			t.fail("hugepageLimits.pageSize: %q is no size such as 2MB", limit.Pagesize)
			continue
		}
		end := ".limit_in_bytes"
		if v2 {
			end = ".max"
		}
		value := strconv.FormatUint(limit.Limit, 10)
		t.set("hugetlb", "hugepageLimits", "hugetlb."+limit.Pagesize+end, value, "bytes of huge pages; a process that touches one beyond it gets SIGBUS")
		t.set("hugetlb", "hugepageLimits", "hugetlb."+limit.Pagesize+".rsvd"+end, value, "the same already when they are mapped, so that mmap fails instead").missing = isFine
	}
}

func (t *translator) network(n *specs.LinuxNetwork) {
	if id := value(n.ClassID); id != 0 {
		if _, ok := t.on("net_cls", "network.classID"); ok {
			t.set("net_cls", "network.classID", "net_cls.classid", fmt.Sprint(id), "the mark by which traffic control and the firewall know the container's packets")
		}
	}
	for _, p := range n.Priorities {
		if _, ok := t.on("net_prio", "network.priorities"); ok {
			t.set("net_prio", "network.priorities", "net_prio.ifpriomap", fmt.Sprintf("%s %d", p.Name, p.Priority), "the priority of packets that leave by the interface")
		}
	}
}

func (t *translator) rdma(devices map[string]specs.LinuxRdma) {
	for _, name := range slices.Sorted(maps.Keys(devices)) {
		if _, ok := t.on("rdma", "rdma"); !ok {
			return
		}
		line := name
		if n := devices[name].HcaHandles; n != nil {
			line += fmt.Sprintf(" hca_handle=%d", *n)
		}
		if n := devices[name].HcaObjects; n != nil {
			line += fmt.Sprintf(" hca_object=%d", *n)
		}
		t.set("rdma", "rdma", "rdma.max", line, "how much of a remote-memory adapter the container may hold")
	}
}

// unified is files of version 2 by their names. They come last, and so win over what other fields say.
func (t *translator) unified(files map[string]string) {
	for _, file := range slices.Sorted(maps.Keys(files)) {
		controller, _, ok := strings.Cut(file, ".")
		h, has := t.layout.With(v2)
		switch {
		case !ok || strings.Contains(file, "/"):
			t.fail("unified: %q is no file of a cgroup, CONTROLLER.NAME", file)
		case !has:
			t.fail("unified: %q is for cgroup version 2, which this machine hasn't mounted", file)
		case controller != v2 && !slices.Contains(h.Controllers, controller):
			t.fail("unified: %q needs the %s controller, which cgroup version 2 doesn't have on this machine (see %s/cgroup.controllers)", file, controller, h.Mount)
		default:
			for line := range strings.Lines(files[file]) {
				if line = strings.TrimSuffix(line, "\n"); line != "" {
					t.set(controller, "unified", file, line, "as the configuration names it")
				}
			}
		}
	}
}

// value is what a field says, or zero.
func value[T any](p *T) T {
	if p == nil {
		return *new(T)
	}
	return *p
}

// maximum writes a limit as version 2 and pids.max do: "max" for none.
func maximum(n int64) string {
	if n < 0 {
		return "max"
	}
	return strconv.FormatInt(n, 10)
}

// between tells whether a value is in range, and that it isn't.
func between[T cmp.Ordered](t *translator, field string, n, low, high T) bool {
	if n < low || n > high {
		t.fail("%s: %v is not between %v and %v", field, n, low, high)
		return false
	}
	return true
}
