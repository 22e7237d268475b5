package cgroup

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A property is one of a unit, by its name on D-Bus (org.freedesktop.systemd1(5)).
type property struct {
	name  string
	value any
	text  string // how it is printed, if not as the value
	since int    // the version of systemd that takes it, if that matters
}

// set gives a property a value, in place of an earlier one.
func (r *request) set(name string, value any) { r.add(property{name: name, value: value}) }

func (r *request) add(list ...property) {
	for _, p := range list {
		r.properties = slices.DeleteFunc(r.properties, func(old property) bool { return old.name == p.name })
		r.properties = append(r.properties, p)
	}
}

func (p property) String() string {
	switch v := p.value.(type) {
	case string:
		return p.name + "=" + strconv.Quote(v)
	case uint64:
		if v == infinity {
			return p.name + "=infinity"
		}
	}
	if p.text != "" {
		return p.name + "=" + p.text
	}
	return fmt.Sprintf("%s=%v", p.name, p.value)
}

func textOf(list []property) string {
	texts := make([]string, len(list))
	for i, p := range list {
		texts[i] = p.String()
	}
	return strings.Join(texts, ", ")
}

// infinity is no limit.
const infinity = uint64(math.MaxUint64)

// propertiesFor are what systemd has to know of the settings: at its next daemon-reload it writes these files again, and without
// them it would write that there is no limit. current tells what a file says for now, as in translate.
func propertiesFor(l Layout, list []setting, current func(controller, file string) string) []property {
	r := &request{}
	bandwidth := map[string]string{}
	for _, s := range list {
		h, _ := l.find(s.controller)
		switch s.file {
		case "cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us":
			bandwidth[s.file] = s.value
		case "cpuset.cpus", "cpuset.mems":
			name := map[string]string{"cpuset.cpus": "AllowedCPUs", "cpuset.mems": "AllowedMemoryNodes"}[s.file]
			if set, ok := bits(s.value); ok && h.V2 { // of version 1 systemd leaves the controller alone
				r.add(property{name: name, value: set, text: s.value})
			}
		case "cpu.idle":
			if s.value == "1" {
				r.add(property{name: "CPUWeight", value: uint64(0), text: "idle", since: 252})
			}
		case "io.bfq.weight": // the weight of systemd is the kernel's other one
			s.file, s.value = s.other[0], s.other[1]
			fallthrough
		default:
			if n, ok := amount(s.value); ok && propertyOf(s.file) != "" {
				r.set(propertyOf(s.file), n)
			}
		}
	}
	if len(bandwidth) > 0 {
		r.add(quota(bandwidth, current)...)
	}
	return r.properties
}

// propertyOf is the property that is a file with a number in it (systemd.resource-control(5)), or "".
func propertyOf(file string) string {
	switch file {
	case "memory.max":
		return "MemoryMax"
	case "memory.high":
		return "MemoryHigh"
	case "memory.low":
		return "MemoryLow"
	case "memory.min":
		return "MemoryMin"
	case "memory.swap.max":
		return "MemorySwapMax"
	case "pids.max":
		return "TasksMax"
	case "cpu.weight":
		return "CPUWeight"
	case "io.weight":
		return "IOWeight"
	case "memory.limit_in_bytes":
		return "MemoryLimit"
	case "cpu.shares":
		return "CPUShares"
	case "blkio.weight":
		return "BlockIOWeight"
	}
	return ""
}

// amount is a number as a cgroup's file has it.
func amount(text string) (uint64, bool) {
	if text == "max" || text == "-1" {
		return infinity, true
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(text, "default "), 10, 64)
	return n, err == nil
}

// quota is the processor time in each second of it, and the period. What isn't given stays as it is. systemd writes the time down in percent,
// so it is rounded up to that, as by runc; the file then gets the exact number.
func quota(files map[string]string, current func(controller, file string) string) []property {
	file := func(name string) string {
		if text, ok := files[name]; ok {
			return text
		}
		return strings.TrimSpace(current("cpu", name))
	}
	limit, period, _ := strings.Cut(file("cpu.max"), " ")
	if _, was, ok := strings.Cut(strings.TrimSpace(current("cpu", "cpu.max")), " "); ok && period == "" {
		period = was
	}
	if _, v2 := files["cpu.max"]; !v2 {
		limit, period = file("cpu.cfs_quota_us"), file("cpu.cfs_period_us")
	}
	micros, ok := amount(period)
	if !ok || micros == 0 {
		micros = 100_000 // the kernel's, and systemd's
	}
	time, ok := amount(limit)
	if !ok || time == 0 {
		time = infinity
	}
	if time != infinity {
		const percent = 10_000
		time = (time*1_000_000/micros + percent - 1) / percent * percent
	}
	return []property{{name: "CPUQuotaPerSecUSec", value: time}, {name: "CPUQuotaPeriodUSec", value: micros}}
}

// bits are a list such as 0-3,7 as the bytes of a set, the lowest first.
func bits(list string) ([]byte, bool) {
	members, ok := parseList(list)
	if !ok {
		return nil, false // the kernel will say what is wrong with it
	}
	var set []byte
	for _, n := range members {
		for len(set) <= int(n)/8 {
			set = append(set, 0)
		}
		set[n/8] |= 1 << (n % 8)
	}
	return set, true
}

// A deviceAllow is an entry of the property of that name: a device, and any of r, w and m.
type deviceAllow struct{ Device, Access string }

// properties are the rules for systemd, which at its next daemon-reload would allow everything on version 1. On version 2 it
// leaves the program of others alone. It knows only devices that are allowed.
func (d *devices) properties() ([]property, error) {
	if d.allow {
		return nil, fmt.Errorf("linux.resources.devices: with cgroup version 1, systemd can't forbid some devices and allow all others: use cgroupfs")
	}
	var allowed []rule
	for _, r := range d.rules {
		if r.allow {
			allowed = append(allowed, r)
			continue
		}
		for i, old := range allowed { // the very same, or holes had refused it
			if old.kind == r.kind && old.major == r.major && old.minor == r.minor {
				allowed[i].access &^= r.access
			}
		}
	}
	var list []deviceAllow
	for _, r := range allowed {
		kind := map[byte]string{'b': "block", 'c': "char"}[r.kind]
		name := fmt.Sprintf("/dev/%s/%d:%d", kind, r.major, r.minor)
		switch {
		case r.access == 0:
			continue
		case r.major < 0 && r.minor < 0:
			name = kind + "-*"
		case r.minor < 0:
			name = fmt.Sprintf("%s-%d", kind, r.major)
		case r.major < 0:
			return nil, fmt.Errorf("linux.resources.devices: with cgroup version 1, systemd can't allow one number of every driver (%s): use cgroupfs", r)
		}
		list = append(list, deviceAllow{name, strings.Fields(r.String())[2]})
	}
	return []property{{name: "DevicePolicy", value: "strict"}, {name: "DeviceAllow", value: list, text: fmt.Sprint(list)}}, nil
}
