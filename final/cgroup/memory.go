package cgroup

import (
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const (
	whyMemory     = "bytes; beyond it, and with nothing to reclaim, the kernel's OOM killer ends a process of the group"
	whySwap       = "or the limit would only move the excess to disk"
	whySoft       = "bytes; what exceeds it is reclaimed first when memory runs short"
	whyTCP        = "bytes of buffers of TCP; beyond them connections slow down"
	whySwappiness = "0 to 100: how readily the kernel moves memory to disk rather than drop caches (vm.swappiness)"
)

// memory translates linux.resources.memory. Its kernel limit is not set, as in runc: Linux 5.16 and later have none, and the
// specification lets runtimes ignore it.
func (t *translator) memory(m *specs.LinuxMemory) {
	limit, swap, soft, tcp := value(m.Limit), value(m.Swap), value(m.Reservation), value(m.KernelTCP)
	swappiness := int64(value(m.Swappiness))
	if m.Swappiness == nil {
		swappiness = -1 // which some callers send as a number, too
	}
	oom := value(m.DisableOOMKiller)
	if limit == 0 && swap == 0 && soft == 0 && tcp == 0 && swappiness < 0 && !oom && m.UseHierarchy == nil {
		return
	}
	v2, ok := t.on("memory", "memory")
	if !ok {
		return
	}
	if limit == -1 && swap == 0 {
		swap = -1 // no limit of the one would leave that of both in the way
	}
	if v2 {
		t.memoryV2(limit, swap, soft)
	} else {
		t.memoryV1(limit, swap, soft)
	}
	if t.onlyV1(v2, "memory.kernelTCP", tcp != 0) {
		t.set("memory", "memory.kernelTCP", "memory.kmem.tcp.limit_in_bytes", strconv.FormatInt(tcp, 10), whyTCP)
	}
	if t.onlyV1(v2, "memory.swappiness", swappiness >= 0) && between(t, "memory.swappiness", swappiness, 0, 100) {
		t.set("memory", "memory.swappiness", "memory.swappiness", strconv.FormatInt(swappiness, 10), whySwappiness)
	}
	if t.onlyV1(v2, "memory.disableOOMKiller", oom) {
		t.set("memory", "memory.disableOOMKiller", "memory.oom_control", "1", "processes beyond the limit wait for memory instead of being killed")
	}
	if h := m.UseHierarchy; h != nil && t.onlyV1(v2 && !*h, "memory.useHierarchy", true) && !v2 {
		text := "0"
		if *h {
			text = "1"
		}
		t.set("memory", "memory.useHierarchy", "memory.use_hierarchy", text, "whether what is used below counts here (since Linux 5.11 it does)")
	}
}

func (t *translator) memoryV1(limit, swap, soft int64) {
	for _, s := range []struct {
		field, file, why string
		value            int64
	}{
		{"memory.limit", "memory.limit_in_bytes", whyMemory, limit},
		{"memory.swap", "memory.memsw.limit_in_bytes", whySwap, swap},
		{"memory.reservation", "memory.soft_limit_in_bytes", whySoft, soft},
	} {
		if s.value != 0 {
			set := t.set("memory", s.field, s.file, strconv.FormatInt(s.value, 10), s.why)
			if s.field == "memory.swap" {
				set.missing = isFine // the kernel doesn't count swap, or counts it and was told not to
			}
		}
	}
}

// memoryV2: memory.max bounds memory alone and memory.swap.max swap alone. The specification's swap is the sum of both, as on version 1.
func (t *translator) memoryV2(limit, swap, soft int64) {
	if limit != 0 {
		t.set("memory", "memory.limit", "memory.max", maximum(limit), whyMemory)
	}
	if swap > 0 {
		have := limit
		if text := strings.TrimSpace(t.current("memory", "memory.max")); limit == 0 && text != "" {
			if n, err := strconv.ParseInt(text, 10, 64); err == nil {
				have = n
			} else {
				have = -1 // max
			}
		}
		switch {
		case have == 0:
			t.fail("memory.swap: it is the sum of memory and swap, which takes memory.limit")
			return
		case have > swap:
			t.fail("memory.swap: %d is less than the %d bytes of memory.limit, and it is the sum of memory and swap", swap, have)
			return
		}
		swap -= max(have, 0)
		t.set("memory", "memory.swap", "memory.swap.max", maximum(swap), whySwap).missing = isFine
	} else if swap < 0 {
		t.set("memory", "memory.swap", "memory.swap.max", "max", whySwap).missing = isFine
	}
	if soft != 0 {
		t.set("memory", "memory.reservation", "memory.low", maximum(soft), "bytes; what is below it is reclaimed last when memory runs short")
	}
}
