package cgroup

import (
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"strconv"
	"strings"
)

// Stats reads what the cgroup uses. Every number is looked for under the names that version 1 and version 2 have for it. The error
// is [fs.ErrNotExist] when the cgroup is gone.
func (g Group) Stats() (Stats, error) {
	if top := g.main(); g.with("cgroup.procs") == "" {
		return Stats{}, fmt.Errorf("reading what the container uses: its cgroup %s: %w", top, fs.ErrNotExist)
	}
	return Stats{CPU: g.cpu(), CPUSet: g.cpuset(), Memory: g.memory(), Pids: g.pids(), Blkio: g.blkio(), Hugetlb: g.hugetlb()}, nil
}

// number is what a file holds; "max" is the greatest there is.
func (g Group) number(file string) (uint64, bool) {
	text, err := read(g.with(file))
	if text = strings.TrimSpace(text); text == "max" {
		return math.MaxUint64, true
	}
	n, nerr := strconv.ParseUint(text, 10, 64)
	return n, err == nil && nerr == nil
}

// count is number, or zero.
func (g Group) count(file string) uint64 {
	n, _ := g.number(file)
	return n
}

// keyed is a file of lines such as "oom_kill 1". Where two directories have one of that name, it is both together.
func (g Group) keyed(file string) map[string]uint64 {
	all := map[string]uint64{}
	for _, d := range g.dirs {
		text, _ := read(filepath.Join(d, file)) // most directories lack it
		for line := range strings.Lines(text) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			if n, err := strconv.ParseUint(value, 10, 64); err == nil {
				all[key] = n
			}
		}
	}
	return all
}

// numbers is a file of many numbers, from a column of each line.
func (g Group) numbers(file string, column int) []uint64 {
	text, _ := read(g.with(file))
	var list []uint64
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); column < len(f) {
			if n, err := strconv.ParseUint(f[column], 10, 64); err == nil {
				list = append(list, n)
			}
		}
	}
	return list
}

// tick is the unit of cpuacct.stat in nanoseconds: USER_HZ is 100 on every machine that Go runs on.
const tick = 10_000_000

func (g Group) cpu() CPU {
	stat, acct := g.keyed("cpu.stat"), g.keyed("cpuacct.stat")
	c := CPU{
		Usage: Usage{Total: stat["usage_usec"] * 1000, User: stat["user_usec"] * 1000, Kernel: stat["system_usec"] * 1000,
			PercpuUser: g.numbers("cpuacct.usage_all", 1), PercpuKernel: g.numbers("cpuacct.usage_all", 2)},
		Throttling: Throttling{Periods: stat["nr_periods"], ThrottledPeriods: stat["nr_throttled"], ThrottledTime: stat["throttled_time"] + stat["throttled_usec"]*1000},
		PSI:        g.psi("cpu.pressure"),
	}
	if total, ok := g.number("cpuacct.usage"); ok {
		c.Usage.Total, c.Usage.User, c.Usage.Kernel = total, acct["user"]*tick, acct["system"]*tick
	}
	text, _ := read(g.with("cpuacct.usage_percpu"))
	for word := range strings.FieldsSeq(text) {
		n, _ := strconv.ParseUint(word, 10, 64)
		c.Usage.Percpu = append(c.Usage.Percpu, n)
	}
	return c
}

func (g Group) cpuset() CPUSet {
	relax, _ := read(g.with("cpuset.sched_relax_domain_level"))
	level, _ := strconv.ParseInt(strings.TrimSpace(relax), 10, 64)
	return CPUSet{
		CPUs: g.set("cpuset.cpus"), Mems: g.set("cpuset.mems"),
		CPUExclusive: g.count("cpuset.cpu_exclusive"), MemHardwall: g.count("cpuset.mem_hardwall"), MemExclusive: g.count("cpuset.mem_exclusive"),
		MemoryMigrate: g.count("cpuset.memory_migrate"), MemorySpreadPage: g.count("cpuset.memory_spread_page"), MemorySpreadSlab: g.count("cpuset.memory_spread_slab"),
		MemoryPressure: g.count("cpuset.memory_pressure"), SchedLoadBalance: g.count("cpuset.sched_load_balance"), SchedRelaxDomainLevel: level,
	}
}

// set is the members of a list in a file.
func (g Group) set(file string) []uint16 {
	text, _ := read(g.with(file))
	members, _ := parseList(text)
	return members
}

// parseList is a list such as 0-3,7 (cpuset(7), "List format"), member by member. It tells whether all of it could be read; what can't is left out.
func parseList(text string) (members []uint16, ok bool) {
	ok = true
	for part := range strings.SplitSeq(strings.TrimSpace(text), ",") {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		first, err1 := strconv.ParseUint(low, 10, 16)
		last, err2 := strconv.ParseUint(high, 10, 16)
		if err1 != nil || err2 != nil || first > last {
			ok = false
			continue
		}
		for n := first; n <= last; n++ {
			members = append(members, uint16(n))
		}
	}
	return members, ok
}

func (g Group) memory() Memory {
	v1 := func(kind string) MemoryEntry {
		kind = "memory." + kind
		return MemoryEntry{Limit: g.count(kind + "limit_in_bytes"), Usage: g.count(kind + "usage_in_bytes"), Max: g.count(kind + "max_usage_in_bytes"), Failcnt: g.count(kind + "failcnt")}
	}
	m := Memory{Raw: g.keyed("memory.stat"), PSI: g.psi("memory.pressure")}
	if g.with("memory.usage_in_bytes") != "" {
		m.Cache, m.Usage, m.Swap, m.Kernel, m.KernelTCP = m.Raw["cache"], v1(""), v1("memsw."), v1("kmem."), v1("kmem.tcp.")
		return m
	}
	m.Cache = m.Raw["file"]
	m.Usage = MemoryEntry{Limit: g.count("memory.max"), Usage: g.count("memory.current"), Max: g.count("memory.peak"), Failcnt: g.keyed("memory.events")["max"]}
	m.Swap = MemoryEntry{Limit: g.count("memory.swap.max"), Usage: g.count("memory.swap.current") + m.Usage.Usage}
	if m.Swap.Limit != math.MaxUint64 {
		m.Swap.Limit += m.Usage.Limit
	}
	return m
}

func (g Group) pids() Pids {
	p := Pids{Current: g.count("pids.current"), Limit: g.count("pids.max")}
	if p.Limit == math.MaxUint64 {
		p.Limit = 0
	}
	if _, ok := g.number("pids.current"); !ok {
		list, _ := g.Pids()
		p.Current = uint64(len(list))
	}
	return p
}

func (g Group) blkio() Blkio {
	b := Blkio{PSI: g.psi("io.pressure")}
	for name, table := range map[string]*[]BlkioEntry{
		"io_service_bytes": &b.IoServiceBytesRecursive, "io_serviced": &b.IoServicedRecursive, "io_queued": &b.IoQueuedRecursive, "io_service_time": &b.IoServiceTimeRecursive,
		"io_wait_time": &b.IoWaitTimeRecursive, "io_merged": &b.IoMergedRecursive, "time": &b.IoTimeRecursive, "sectors": &b.SectorsRecursive,
	} {
		for _, kind := range []string{"bfq.", "", "throttle."} {
			if len(*table) == 0 {
				text, _ := read(g.with("blkio." + kind + name + "_recursive"))
				*table = blkioV1(text)
			}
		}
	}
	text, _ := read(g.with("io.stat"))
	for line := range strings.Lines(text) {
		device, rest, _ := strings.Cut(line, " ")
		for word := range strings.FieldsSeq(rest) {
			key, value, _ := strings.Cut(word, "=")
			table, op := &b.IoServiceBytesRecursive, map[string]string{"rbytes": "Read", "wbytes": "Write", "rios": "Read", "wios": "Write"}[key]
			if strings.HasSuffix(key, "ios") {
				table = &b.IoServicedRecursive
			}
			if e, ok := blkioEntry(device, op, value); ok && op != "" {
				*table = append(*table, e)
			}
		}
	}
	return b
}

// blkioV1 reads lines such as "8:0 Read 1282048" or "8:0 6792", and leaves out the sum of all devices.
func blkioV1(text string) (list []BlkioEntry) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 2 {
			f = []string{f[0], "", f[1]}
		}
		if len(f) == 3 {
			if e, ok := blkioEntry(f[0], f[1], f[2]); ok {
				list = append(list, e)
			}
		}
	}
	return list
}

func blkioEntry(device, op, value string) (BlkioEntry, bool) {
	e := BlkioEntry{Op: op}
	_, err1 := fmt.Sscanf(device, "%d:%d", &e.Major, &e.Minor)
	n, err2 := strconv.ParseUint(value, 10, 64)
	e.Value = n
	return e, err1 == nil && err2 == nil
}

// hugetlb is by size, from reservations where the kernel counts them.
func (g Group) hugetlb() map[string]Hugetlb {
	all := map[string]Hugetlb{}
	for _, d := range g.dirs {
		v1, _ := filepath.Glob(filepath.Join(d, "hugetlb.*.usage_in_bytes"))
		v2, _ := filepath.Glob(filepath.Join(d, "hugetlb.*.current"))
		for _, path := range append(v1, v2...) {
			size := strings.Split(filepath.Base(path), ".")[1]
			from := "hugetlb." + size
			if g.with(from+".rsvd.current") != "" || g.with(from+".rsvd.usage_in_bytes") != "" {
				from += ".rsvd"
			}
			all[size] = Hugetlb{
				Usage: g.count(from+".current") + g.count(from+".usage_in_bytes"), Max: g.count(from + ".max_usage_in_bytes"),
				Failcnt: g.count(from+".failcnt") + g.keyed("hugetlb." + size + ".events")["max"],
			}
		}
	}
	return all
}

// psi reads lines such as "some avg10=0.00 avg60=0.00 avg300=0.00 total=0". It is nil where the kernel doesn't measure it.
func (g Group) psi(file string) *PSI {
	text, err := read(g.with(file))
	if err != nil {
		return nil
	}
	p := &PSI{}
	for line := range strings.Lines(text) {
		var kind string
		var v Pressure
		if _, err := fmt.Sscanf(line, "%s avg10=%f avg60=%f avg300=%f total=%d", &kind, &v.Avg10, &v.Avg60, &v.Avg300, &v.Total); err != nil {
			continue
		}
		if kind == "full" {
			p.Full = v
		} else {
			p.Some = v
		}
	}
	return p
}
