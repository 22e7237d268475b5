package cgroup

import (
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const (
	whyWeight   = "its part of a disk's time when there isn't enough for all"
	whyThrottle = "requests beyond it wait"
	whyLeaf     = "the part of its own processes beside the groups below it"
)

// blockIO translates linux.resources.blockIO. Weights are those of the BFQ scheduler where the kernel has it.
func (t *translator) blockIO(b *specs.LinuxBlockIO) {
	weight, leaf := value(b.Weight), value(b.LeafWeight)
	rates := len(b.ThrottleReadBpsDevice) + len(b.ThrottleWriteBpsDevice) + len(b.ThrottleReadIOPSDevice) + len(b.ThrottleWriteIOPSDevice)
	if weight == 0 && leaf == 0 && rates == 0 && len(b.WeightDevice) == 0 {
		return
	}
	v2, ok := t.on("blkio", "blockIO")
	if !ok {
		return
	}
	t.weight(v2, "blockIO.weight", "", weight)
	if t.onlyV1(v2, "blockIO.leafWeight", leaf != 0) {
		t.set("blkio", "blockIO.leafWeight", "blkio.leaf_weight", fmt.Sprint(leaf), whyLeaf)
	}
	for _, d := range b.WeightDevice {
		device := fmt.Sprintf("%d:%d ", d.Major, d.Minor)
		t.weight(v2, "blockIO.weightDevice", device, value(d.Weight))
		if n := value(d.LeafWeight); t.onlyV1(v2, "blockIO.weightDevice.leafWeight", n != 0) {
			t.set("blkio", "blockIO.weightDevice.leafWeight", "blkio.leaf_weight_device", device+fmt.Sprint(n), whyLeaf)
		}
	}
	for _, r := range []struct {
		field, v1, v2 string
		list          []specs.LinuxThrottleDevice
	}{
		{"blockIO.throttleReadBpsDevice", "read_bps", "rbps", b.ThrottleReadBpsDevice},
		{"blockIO.throttleWriteBpsDevice", "write_bps", "wbps", b.ThrottleWriteBpsDevice},
		{"blockIO.throttleReadIOPSDevice", "read_iops", "riops", b.ThrottleReadIOPSDevice},
		{"blockIO.throttleWriteIOPSDevice", "write_iops", "wiops", b.ThrottleWriteIOPSDevice},
	} {
		for _, d := range r.list {
			if v2 {
				t.set("io", r.field, "io.max", fmt.Sprintf("%d:%d %s=%d", d.Major, d.Minor, r.v2, d.Rate), whyThrottle)
			} else {
				t.set("blkio", r.field, "blkio.throttle."+r.v1+"_device", fmt.Sprintf("%d:%d %d", d.Major, d.Minor, d.Rate), whyThrottle)
			}
		}
	}
}

// weight is one for all devices, or for the one that is named. Where version 2 has no BFQ, 10 to 1000 become 1 to 10000.
func (t *translator) weight(v2 bool, field, device string, n uint16) {
	file := "weight"
	if device != "" {
		file = "weight_device"
	}
	switch value := device + fmt.Sprint(n); {
	case n == 0:
	case !v2:
		t.set("blkio", field, "blkio."+file, value, whyWeight).other = [2]string{"blkio.bfq." + file, value}
	case between(t, field, n, 10, 1000):
		t.set("io", field, "io.bfq.weight", value, whyWeight).other = [2]string{"io.weight", device + fmt.Sprint(1+(int(n)-10)*9999/990)}
	}
}
