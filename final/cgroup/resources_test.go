package cgroup

import (
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Machines that the tests are about. None depends on the machine they run on.
var (
	onV1 = Layout{Hierarchies: []Hierarchy{
		{Mount: "/sys/fs/cgroup/cpuset", Own: "/", Controllers: []string{"cpuset"}},
		{Mount: "/sys/fs/cgroup/memory", Own: "/jobs/7", Controllers: []string{"memory"}},
		{Mount: "/sys/fs/cgroup/cpu,cpuacct", Own: "/", Controllers: []string{"cpu", "cpuacct"}},
		{Mount: "/sys/fs/cgroup/pids", Own: "/", Controllers: []string{"pids"}},
		{Mount: "/sys/fs/cgroup/blkio", Own: "/", Controllers: []string{"blkio"}},
		{Mount: "/sys/fs/cgroup/devices", Own: "/", Controllers: []string{"devices"}},
		{Mount: "/sys/fs/cgroup/net_cls,net_prio", Own: "/", Controllers: []string{"net_cls", "net_prio"}},
		{Mount: "/sys/fs/cgroup/hugetlb", Own: "/", Controllers: []string{"hugetlb"}},
		{Mount: "/sys/fs/cgroup/rdma", Own: "/", Controllers: []string{"rdma"}},
		{Mount: "/sys/fs/cgroup/systemd", Own: "/", Controllers: []string{"name=systemd"}},
	}}
	onV2 = Layout{Hierarchies: []Hierarchy{{
		Mount: "/sys/fs/cgroup", Own: "/user.slice/box/shell", V2: true, Controllers: []string{"cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma"},
		Delegated: "/sys/fs/cgroup/user.slice/box", Handed: []string{"memory", "pids"},
	}}}
	// hybrid is version 1 with what it has no hierarchy for on version 2 beside it.
	hybrid = Layout{Hierarchies: []Hierarchy{
		{Mount: "/sys/fs/cgroup/memory", Own: "/", Controllers: []string{"memory"}},
		{Mount: "/sys/fs/cgroup/unified", Own: "/", V2: true, Controllers: []string{"hugetlb"}},
	}}
)

func to[T any](v T) *T { return &v }

// resources is every case by name: what is asked for, and the files it becomes on version 1 and on version 2. One line
// that begins with an exclamation mark is an error instead.
var resources = map[string]struct {
	ask    specs.LinuxResources
	v1, v2 string
}{
	"nothing":     {specs.LinuxResources{Memory: &specs.LinuxMemory{}, CPU: &specs.LinuxCPU{}, BlockIO: &specs.LinuxBlockIO{}, Network: &specs.LinuxNetwork{}, Pids: &specs.LinuxPids{}}, "", ""},
	"zero":        {memory(specs.LinuxMemory{Limit: to[int64](0), Swap: to[int64](0), Reservation: to[int64](0), KernelTCP: to[int64](0), DisableOOMKiller: to(false)}), "", ""},
	"memory":      {memory(specs.LinuxMemory{Limit: to[int64](1000)}), "memory.limit_in_bytes=1000", "memory.max=1000"},
	"swap":        {memory(specs.LinuxMemory{Limit: to[int64](1000), Swap: to[int64](1500)}), "memory.limit_in_bytes=1000 memory.memsw.limit_in_bytes=1500?", "memory.max=1000 memory.swap.max=500?"},
	"no swap":     {memory(specs.LinuxMemory{Limit: to[int64](1000), Swap: to[int64](1000)}), "memory.limit_in_bytes=1000 memory.memsw.limit_in_bytes=1000?", "memory.max=1000 memory.swap.max=0?"},
	"any swap":    {memory(specs.LinuxMemory{Limit: to[int64](1000), Swap: to[int64](-1)}), "memory.limit_in_bytes=1000 memory.memsw.limit_in_bytes=-1?", "memory.max=1000 memory.swap.max=max?"},
	"any memory":  {memory(specs.LinuxMemory{Limit: to[int64](-1)}), "memory.limit_in_bytes=-1 memory.memsw.limit_in_bytes=-1?", "memory.max=max memory.swap.max=max?"},
	"swap alone":  {memory(specs.LinuxMemory{Swap: to[int64](1000)}), "memory.memsw.limit_in_bytes=1000?", "!memory.swap: it is the sum"},
	"swap less":   {memory(specs.LinuxMemory{Limit: to[int64](1000), Swap: to[int64](999)}), "memory.limit_in_bytes=1000 memory.memsw.limit_in_bytes=999?", "!memory.swap: 999 is less"},
	"soft":        {memory(specs.LinuxMemory{Reservation: to[int64](500)}), "memory.soft_limit_in_bytes=500", "memory.low=500"},
	"soft none":   {memory(specs.LinuxMemory{Reservation: to[int64](-1)}), "memory.soft_limit_in_bytes=-1", "memory.low=max"},
	"kernel":      {memory(specs.LinuxMemory{Kernel: to[int64](5)}), "", ""}, //nolint:staticcheck // deprecated, and still in configurations
	"kernelTCP":   {memory(specs.LinuxMemory{KernelTCP: to[int64](5)}), "memory.kmem.tcp.limit_in_bytes=5", "!memory.kernelTCP: cgroup version 2"},
	"swappiness":  {memory(specs.LinuxMemory{Swappiness: to[uint64](0)}), "memory.swappiness=0", "!memory.swappiness: cgroup version 2"},
	"swappiness-": {memory(specs.LinuxMemory{Swappiness: to(^uint64(0))}), "", ""},
	"swappiness+": {memory(specs.LinuxMemory{Swappiness: to[uint64](101)}), "!memory.swappiness: 101 is not between 0 and 100", "!memory.swappiness"},
	"no killer":   {memory(specs.LinuxMemory{DisableOOMKiller: to(true)}), "memory.oom_control=1", "!memory.disableOOMKiller: cgroup version 2"},
	"hierarchy":   {memory(specs.LinuxMemory{UseHierarchy: to(true)}), "memory.use_hierarchy=1", ""},
	"hierarchy-":  {memory(specs.LinuxMemory{UseHierarchy: to(false)}), "memory.use_hierarchy=0", "!memory.useHierarchy: cgroup version 2"},

	"shares":      {cpu(specs.LinuxCPU{Shares: to[uint64](1024)}), "cpu.shares=1024", "cpu.weight=100"},
	"shares low":  {cpu(specs.LinuxCPU{Shares: to[uint64](2)}), "cpu.shares=2", "cpu.weight=1"},
	"shares one":  {cpu(specs.LinuxCPU{Shares: to[uint64](1)}), "!cpu.shares: 1 is not between 2 and 262144", "cpu.weight=1"},
	"shares high": {cpu(specs.LinuxCPU{Shares: to[uint64](1 << 18)}), "cpu.shares=262144", "cpu.weight=10000"},
	"shares half": {cpu(specs.LinuxCPU{Shares: to[uint64](512)}), "cpu.shares=512", "cpu.weight=59"},
	"quota":       {cpu(specs.LinuxCPU{Quota: to[int64](5000)}), "cpu.cfs_quota_us=5000", "cpu.max=5000"},
	"no quota":    {cpu(specs.LinuxCPU{Quota: to[int64](-1)}), "cpu.cfs_quota_us=-1", "cpu.max=max"},
	"period":      {cpu(specs.LinuxCPU{Period: to[uint64](7000)}), "cpu.cfs_period_us=7000", "cpu.max=max,7000"},
	"bandwidth":   {cpu(specs.LinuxCPU{Quota: to[int64](5000), Period: to[uint64](7000)}), "cpu.cfs_period_us=7000 cpu.cfs_quota_us=5000", "cpu.max=5000,7000"},
	"burst":       {cpu(specs.LinuxCPU{Quota: to[int64](5000), Burst: to[uint64](0)}), "cpu.cfs_quota_us=5000 cpu.cfs_burst_us=0", "cpu.max=5000 cpu.max.burst=0"},
	"realtime":    {cpu(specs.LinuxCPU{RealtimePeriod: to[uint64](9), RealtimeRuntime: to[int64](8)}), "cpu.rt_period_us=9 cpu.rt_runtime_us=8", "!cpu.realtimePeriod: cgroup version 2"},
	"idle":        {cpu(specs.LinuxCPU{Shares: to[uint64](1024), Idle: to[int64](1)}), "cpu.shares=1024 cpu.idle=1", "cpu.weight=100 cpu.idle=1"},
	"cpuset":      {cpu(specs.LinuxCPU{Cpus: "0-1,3", Mems: "0"}), "cpuset.cpus=0-1,3 cpuset.mems=0", "cpuset.cpus=0-1,3 cpuset.mems=0"},

	"pids":    {specs.LinuxResources{Pids: &specs.LinuxPids{Limit: to[int64](20)}}, "pids.max=20", "pids.max=20"},
	"pids 0":  {specs.LinuxResources{Pids: &specs.LinuxPids{Limit: to[int64](0)}}, "pids.max=0", "pids.max=0"},
	"pids -1": {specs.LinuxResources{Pids: &specs.LinuxPids{Limit: to[int64](-1)}}, "pids.max=max", "pids.max=max"},

	"weight":     {blockIO(specs.LinuxBlockIO{Weight: to[uint16](500)}), "blkio.weight=500|blkio.bfq.weight=500", "io.bfq.weight=500|io.weight=4950"},
	"weight low": {blockIO(specs.LinuxBlockIO{Weight: to[uint16](10)}), "blkio.weight=10|blkio.bfq.weight=10", "io.bfq.weight=10|io.weight=1"},
	"weight top": {blockIO(specs.LinuxBlockIO{Weight: to[uint16](1000)}), "blkio.weight=1000|blkio.bfq.weight=1000", "io.bfq.weight=1000|io.weight=10000"},
	"weight 5":   {blockIO(specs.LinuxBlockIO{Weight: to[uint16](5)}), "blkio.weight=5|blkio.bfq.weight=5", "!blockIO.weight: 5 is not between 10 and 1000"},
	"leaf":       {blockIO(specs.LinuxBlockIO{LeafWeight: to[uint16](300)}), "blkio.leaf_weight=300", "!blockIO.leafWeight: cgroup version 2"},
	"of devices": {blockIO(specs.LinuxBlockIO{WeightDevice: []specs.LinuxWeightDevice{{LinuxBlockIODevice: disk, Weight: to[uint16](500)}}}),
		"blkio.weight_device=8:16,500|blkio.bfq.weight_device=8:16,500", "io.bfq.weight=8:16,500|io.weight=8:16,4950"},
	"leaf of devices": {blockIO(specs.LinuxBlockIO{WeightDevice: []specs.LinuxWeightDevice{{LinuxBlockIODevice: disk, LeafWeight: to[uint16](300)}}}),
		"blkio.leaf_weight_device=8:16,300", "!blockIO.weightDevice.leafWeight: cgroup version 2"},
	"throttle": {blockIO(specs.LinuxBlockIO{ThrottleReadBpsDevice: rate(1), ThrottleWriteBpsDevice: rate(2), ThrottleReadIOPSDevice: rate(3), ThrottleWriteIOPSDevice: rate(4)}),
		"blkio.throttle.read_bps_device=8:16,1 blkio.throttle.write_bps_device=8:16,2 blkio.throttle.read_iops_device=8:16,3 blkio.throttle.write_iops_device=8:16,4",
		"io.max=8:16,rbps=1 io.max=8:16,wbps=2 io.max=8:16,riops=3 io.max=8:16,wiops=4"},

	"hugetlb": {specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 4}, {Pagesize: "1GB", Limit: 0}}},
		"hugetlb.2MB.limit_in_bytes=4 hugetlb.2MB.rsvd.limit_in_bytes=4? hugetlb.1GB.limit_in_bytes=0 hugetlb.1GB.rsvd.limit_in_bytes=0?",
		"hugetlb.2MB.max=4 hugetlb.2MB.rsvd.max=4? hugetlb.1GB.max=0 hugetlb.1GB.rsvd.max=0?"},
	"hugetlb way out": {specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "../x"}}}, "!hugepageLimits.pageSize", "!hugepageLimits.pageSize"},
	"network": {specs.LinuxResources{Network: &specs.LinuxNetwork{ClassID: to[uint32](1 << 20), Priorities: []specs.LinuxInterfacePriority{{Name: "lo", Priority: 5}}}},
		"net_cls.classid=1048576 net_prio.ifpriomap=lo,5", "!limiting net_cls: this machine has no net_cls controller, which network.classID needs"},
	"rdma": {specs.LinuxResources{Rdma: map[string]specs.LinuxRdma{"b": {HcaObjects: to[uint32](7)}, "a": {HcaHandles: to[uint32](1), HcaObjects: to[uint32](2)}}},
		"rdma.max=a,hca_handle=1,hca_object=2 rdma.max=b,hca_object=7", "rdma.max=a,hca_handle=1,hca_object=2 rdma.max=b,hca_object=7"},

	"unified":         {unified("memory.high", "5"), `!unified: "memory.high" is for cgroup version 2`, "memory.high=5"},
	"unified lines":   {unified("io.max", "8:0 rbps=1\n8:16 wiops=2\n"), "!unified", "io.max=8:0,rbps=1 io.max=8:16,wiops=2"},
	"unified no one":  {unified("memory.high", ""), "!unified", ""},
	"unified own":     {unified("cgroup.max.depth", "1"), "!unified", "cgroup.max.depth=1"},
	"unified way out": {unified("../memory.max", "5"), "!unified", `!unified: "../memory.max" is no file`},
	"unified no dot":  {unified("memory", "5"), "!unified", `!unified: "memory" is no file`},
	"unified missing": {unified("misc.max", "5"), "!unified", `!unified: "misc.max" needs the misc controller`},
}

var disk = specs.LinuxBlockIODevice{Major: 8, Minor: 16}

func memory(m specs.LinuxMemory) specs.LinuxResources   { return specs.LinuxResources{Memory: &m} }
func cpu(c specs.LinuxCPU) specs.LinuxResources         { return specs.LinuxResources{CPU: &c} }
func blockIO(b specs.LinuxBlockIO) specs.LinuxResources { return specs.LinuxResources{BlockIO: &b} }
func unified(file, value string) specs.LinuxResources {
	return specs.LinuxResources{Unified: map[string]string{file: value}}
}
func rate(n uint64) []specs.LinuxThrottleDevice {
	return []specs.LinuxThrottleDevice{{LinuxBlockIODevice: disk, Rate: n}}
}

// text is settings as the table has them: blanks within a value are commas, a question mark follows what may be missing, and a
// bar what is written instead.
func text(list []setting) string {
	var words []string
	for _, s := range list {
		w := s.file + "=" + s.value
		if s.missing == isFine {
			w += "?"
		}
		if s.other[0] != "" {
			w += "|" + s.other[0] + "=" + s.other[1]
		}
		words = append(words, strings.ReplaceAll(w, " ", ","))
	}
	return strings.Join(words, " ")
}

func TestTranslate(t *testing.T) {
	for name, tc := range resources {
		for _, on := range []struct {
			version string
			layout  Layout
			want    string
		}{{"v1", onV1, tc.v1}, {"v2", onV2, tc.v2}} {
			list, err := translate(on.layout, &tc.ask, nil)
			if want, fails := strings.CutPrefix(on.want, "!"); fails {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s on %s: got error %v, want one with %q", name, on.version, err, want)
				}
				continue
			}
			if got := text(list); err != nil || got != on.want {
				t.Errorf("%s on %s:\ngot  %s, %v\nwant %s", name, on.version, got, err, on.want)
			}
			for _, s := range list {
				if s.why == "" || s.field == "" || s.controller == "" {
					t.Errorf("%s on %s: %+v lacks its reason, its field or its controller", name, on.version, s)
				}
			}
		}
	}
}

// What a machine has no controller for is an error that names the field.
func TestTranslateNamesWhatIsMissing(t *testing.T) {
	for want, ask := range map[string]specs.LinuxResources{
		"which pids.limit needs":         resources["pids"].ask,
		"which cpu.cpus needs":           resources["cpuset"].ask,
		"which blockIO needs":            resources["weight"].ask,
		"which rdma needs":               resources["rdma"].ask,
		"which network.priorities needs": resources["network"].ask,
	} {
		if _, err := translate(hybrid, &ask, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	// On a hybrid machine what only version 2 has is set there.
	for name, want := range map[string]string{"hugetlb": resources["hugetlb"].v2, "memory": resources["memory"].v1} {
		ask := resources[name].ask
		if list, err := translate(hybrid, &ask, nil); err != nil || text(list) != want {
			t.Errorf("%s: got %s, %v", name, text(list), err)
		}
	}
	u := unified("hugetlb.2MB.max", "5")
	if list, err := translate(hybrid, &u, nil); err != nil || text(list) != "hugetlb.2MB.max=5" {
		t.Errorf("got %s, %v", text(list), err)
	}
}

// An update of one of two values that version 2 keeps together leaves the other as it is.
func TestTranslateKeepsWhatIsThere(t *testing.T) {
	for _, tc := range []struct {
		ask           specs.LinuxResources
		current, want string
	}{
		{cpu(specs.LinuxCPU{Period: to[uint64](7000)}), "5000 100000\n", "cpu.max=5000,7000"},
		{cpu(specs.LinuxCPU{Period: to[uint64](7000)}), "max 100000\n", "cpu.max=max,7000"},
		{memory(specs.LinuxMemory{Swap: to[int64](1500)}), "1000\n", "memory.swap.max=500?"},
		{memory(specs.LinuxMemory{Swap: to[int64](1500)}), "max\n", "memory.swap.max=1500?"},
	} {
		list, err := translate(onV2, &tc.ask, func(string, string) string { return tc.current })
		if got := text(list); err != nil || got != tc.want {
			t.Errorf("with %q: got %s, %v, want %s", tc.current, got, err, tc.want)
		}
	}
}
