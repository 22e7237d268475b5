package cgroup

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const (
	whyQuota  = "microseconds of processor time in each period; the scheduler makes the group wait for the rest"
	whyBurst  = "microseconds that a period may add from what earlier ones left over"
	whyShares = "its part of the processor time when there isn't enough for all"
	whyIdle   = "1: it runs only when nobody else would (SCHED_IDLE)"
	whyRT     = "microseconds of realtime scheduling in each period of that"
)

// cpu translates linux.resources.cpu but for its cpuset.
func (t *translator) cpu(c *specs.LinuxCPU) {
	shares, quota, period := value(c.Shares), value(c.Quota), value(c.Period)
	rtPeriod, rtRuntime := value(c.RealtimePeriod), value(c.RealtimeRuntime)
	if shares == 0 && quota == 0 && period == 0 && c.Burst == nil && rtPeriod == 0 && rtRuntime == 0 && c.Idle == nil {
		return
	}
	v2, ok := t.on("cpu", "cpu")
	if !ok {
		return
	}
	if shares != 0 {
		// Outside of this range version 1 sets another value in silence, and version 2 would refuse.
		if v2 {
			t.set("cpu", "cpu.shares", "cpu.weight", fmt.Sprint(weightOfShares(shares)), whyShares)
		} else if between(t, "cpu.shares", shares, 2, 1<<18) {
			t.set("cpu", "cpu.shares", "cpu.shares", fmt.Sprint(shares), whyShares)
		}
	}
	burst := "cpu.cfs_burst_us"
	switch {
	case v2:
		burst = "cpu.max.burst"
		t.bandwidth(quota, period)
	default:
		if period != 0 {
			t.set("cpu", "cpu.period", "cpu.cfs_period_us", fmt.Sprint(period), whyQuota)
		}
		if quota != 0 {
			t.set("cpu", "cpu.quota", "cpu.cfs_quota_us", fmt.Sprint(max(quota, -1)), whyQuota)
		}
	}
	if c.Burst != nil {
		t.set("cpu", "cpu.burst", burst, fmt.Sprint(*c.Burst), whyBurst)
	}
	if t.onlyV1(v2, "cpu.realtimePeriod", rtPeriod != 0) {
		t.set("cpu", "cpu.realtimePeriod", "cpu.rt_period_us", fmt.Sprint(rtPeriod), whyRT)
	}
	if t.onlyV1(v2, "cpu.realtimeRuntime", rtRuntime != 0) {
		t.set("cpu", "cpu.realtimeRuntime", "cpu.rt_runtime_us", fmt.Sprint(rtRuntime), whyRT)
	}
	if c.Idle != nil {
		t.set("cpu", "cpu.idle", "cpu.idle", strconv.FormatInt(*c.Idle, 10), whyIdle) // an idle group has no shares to change: last
	}
}

// bandwidth is cpu.max, which holds quota and period. One that isn't given stays what it was.
func (t *translator) bandwidth(quota int64, period uint64) {
	switch {
	case quota == 0 && period == 0:
	case period == 0:
		t.set("cpu", "cpu.quota", "cpu.max", maximum(quota), whyQuota)
	case quota == 0:
		was, _, _ := strings.Cut(t.current("cpu", "cpu.max"), " ")
		if was == "" {
			was = "max"
		}
		t.set("cpu", "cpu.period", "cpu.max", fmt.Sprintf("%s %d", was, period), whyQuota)
	default:
		t.set("cpu", "cpu.quota", "cpu.max", fmt.Sprintf("%s %d", maximum(quota), period), whyQuota)
	}
}

// weightOfShares turns shares, 2 to 262144 with a default of 1024, into a weight, 1 to 10000 with a default of 100: the quadratic in
// their logarithms that goes through these three points, as in runc and crun since 2025.
func weightOfShares(shares uint64) uint64 {
	l := math.Log2(float64(min(max(shares, 2), 1<<18)))
	return min(uint64(math.Ceil(math.Pow(10, (l*l+125*l)/612-7.0/34))), 10000)
}

// cpuset is which processors and which memory nodes. The files have the same names in both versions.
func (t *translator) cpuset(c *specs.LinuxCPU) {
	for _, s := range []struct{ field, file, value, why string }{
		{"cpu.cpus", "cpuset.cpus", c.Cpus, "the processors it may run on"},
		{"cpu.mems", "cpuset.mems", c.Mems, "the memory nodes it may take memory from"},
	} {
		if s.value == "" {
			continue
		}
		if _, ok := t.on("cpuset", s.field); ok {
			t.set("cpuset", s.field, s.file, s.value, s.why)
		}
	}
}
