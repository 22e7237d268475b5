package cgroup

import (
	"fmt"
	"path/filepath"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// wanted are the controllers that a configuration sets something in.
func wanted(r *specs.LinuxResources) []string {
	var list []string
	if m := r.Memory; m != nil && (m.Limit != nil || m.Swap != nil) {
		list = append(list, "memory")
	}
	if c := r.CPU; c != nil && (c.Quota != nil || c.Period != nil) {
		list = append(list, "cpu")
	}
	if r.Pids != nil && r.Pids.Limit != nil {
		list = append(list, "pids")
	}
	return list
}

// unsupported names a limit that was asked for and isn't set here, rather than leave it out in silence.
func unsupported(r *specs.LinuxResources) error {
	field := ""
	switch {
	case r.BlockIO != nil:
		field = "blockIO"
	case len(r.HugepageLimits) > 0:
		field = "hugepageLimits"
	case r.Network != nil:
		field = "network"
	case len(r.Rdma) > 0:
		field = "rdma"
	case len(r.Unified) > 0:
		field = "unified"
	case r.CPU != nil && (r.CPU.Cpus != "" || r.CPU.Mems != ""):
		field = "cpu.cpus"
	case r.CPU != nil && (r.CPU.Shares != nil || r.CPU.Idle != nil || r.CPU.Burst != nil || r.CPU.RealtimePeriod != nil || r.CPU.RealtimeRuntime != nil):
		field = "cpu (other than quota and period)"
	default:
		return nil
	}
	return fmt.Errorf("linux.resources.%s is not supported", field)
}

// settings are the files of one controller. Limits of memory are in bytes, of processor time in microseconds of each period.
func settings(controller, path string, v2 bool, r *specs.LinuxResources) []setting {
	switch {
	case controller == "memory" && v2:
		return memoryV2(path, r.Memory)
	case controller == "memory":
		return memoryV1(path, r.Memory)
	case controller == "cpu":
		return cpu(path, v2, r.CPU)
	}
	return []setting{{
		file: filepath.Join(path, "pids.max"), value: maximum(*r.Pids.Limit),
		why: "the next fork beyond it fails with EAGAIN, so a fork bomb stops",
	}}
}

const (
	whyMemory = "bytes; beyond it, and with nothing to reclaim, the kernel's OOM killer ends a process of the group"
	whySwap   = "or the limit would only move the excess to disk"
)

// memoryV2: memory.max bounds memory alone and memory.swap.max swap alone. The specification's swap is the sum of both, as on version 1.
func memoryV2(path string, m *specs.LinuxMemory) []setting {
	var list []setting
	if m.Limit != nil {
		list = append(list, setting{file: filepath.Join(path, "memory.max"), value: maximum(*m.Limit), why: whyMemory})
	}
	if m.Swap != nil {
		swap := *m.Swap
		if m.Limit != nil && swap > 0 {
			swap -= *m.Limit
		}
		list = append(list, setting{file: filepath.Join(path, "memory.swap.max"), value: maximum(swap), why: whySwap, optional: true})
	}
	return list
}

func memoryV1(path string, m *specs.LinuxMemory) []setting {
	var list []setting
	if m.Limit != nil {
		list = append(list, setting{file: filepath.Join(path, "memory.limit_in_bytes"), value: fmt.Sprint(*m.Limit), why: whyMemory})
	}
	if m.Swap != nil {
		list = append(list, setting{file: filepath.Join(path, "memory.memsw.limit_in_bytes"), value: fmt.Sprint(*m.Swap), why: whySwap, optional: true})
	}
	return list
}

func cpu(path string, v2 bool, c *specs.LinuxCPU) []setting {
	quota, period := int64(-1), uint64(100_000)
	if c.Quota != nil {
		quota = *c.Quota
	}
	if c.Period != nil {
		period = *c.Period
	}
	const why = "microseconds of processor time in each period; the scheduler makes the group wait for the rest"
	if v2 {
		return []setting{{file: filepath.Join(path, "cpu.max"), value: fmt.Sprintf("%s %d", maximum(quota), period), why: why}}
	}
	return []setting{
		{file: filepath.Join(path, "cpu.cfs_period_us"), value: fmt.Sprint(period), why: why},
		{file: filepath.Join(path, "cpu.cfs_quota_us"), value: fmt.Sprint(quota), why: why},
	}
}

// maximum writes a limit as version 2 and pids.max do: "max" for none.
func maximum(n int64) string {
	if n < 0 {
		return "max"
	}
	return fmt.Sprint(n)
}
