package cgroup

import (
	"errors"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestUnits(t *testing.T) {
	const top = "/sys/fs/cgroup/"
	manager := Manager{Cgroup: "/user.slice/user-7.slice/user@7.service"}
	for path, want := range map[string]string{ // the directory, or a part of the error
		"":                       "system.slice/stave-id.scope",
		"::c":                    "system.slice/-c.scope",
		"machine.slice:libpod:c": "machine.slice/libpod-c.scope",
		"a-b-c.slice:cri:d":      "a.slice/a-b.slice/a-b-c.slice/cri-d.scope",
		"a.slice:_p:c":           "a.slice/__p-c.scope",
		"memory-io.slice:p:c":    "_memory.slice/memory-io.slice/p-c.scope",
		"cgroup.x.slice:p:c":     "_cgroup.x.slice/p-c.scope",
		"-.slice:p:c":            "p-c.scope",
		"-:p:c":                  "p-c.scope",
		":p:a-b.slice":           "a.slice/a-b.slice",
		"a.slice:p:a-b.slice":    "a.slice/a-b.slice",
		"-.slice:p:a.slice":      "a.slice",
		"b.slice:p:a-b.slice":    "error: a-b.slice is in /a.slice, as its name says (systemd.slice(5)), and not in b.slice",
		":p:-.slice":             "error: -.slice is the whole machine",
		"/docker/c":              `error: "/docker/c" is not slice:prefix:name`,
		"a.slice:c":              "error: is not slice:prefix:name",
		"a.slice:p:":             "error: is not slice:prefix:name",
		"a.slice:p:c:d":          "error: is not slice:prefix:name",
		"a.slice:p:c/../../d":    `error: "p-c/../../d.scope" is no name of a unit`,
		"a.slice/b.slice:p:c":    `error: "a.slice/b.slice" is no name of a slice`,
		"a--b.slice:p:c":         "error: is no name of a slice",
		"-a.slice:p:c":           "error: is no name of a slice",
		".slice:p:c":             "error: is no name of a slice",
		"a.service:p:c":          "error: is no name of a slice",
	} {
		for _, privileged := range []bool{true, false} {
			want, base := want, top
			if !privileged {
				want, base = strings.Replace(want, "system.slice", "user.slice", 1), top+manager.Cgroup[1:]+"/"
			}
			c, err := New(onV2, Where{Path: path, Name: "id", Systemd: true, Privileged: privileged, Manager: manager}, nil)
			if text, failed := strings.CutPrefix(want, "error: "); failed {
				if err == nil || !strings.Contains(err.Error(), text) || !strings.HasPrefix(err.Error(), "linux.cgroupsPath: ") {
					t.Errorf("%q: got error %v, want %s", path, err, text)
				}
				continue
			}
			if err != nil || strings.Join(c.Dirs(), " ") != base+want {
				t.Errorf("%q: got %v and error %v, want %s", path, c, err, base+want)
				continue
			}
			if u := *c.Unit(); u.User == privileged || !strings.HasSuffix(want, u.Name) {
				t.Errorf("%q: the unit is %+v", path, u)
			}
		}
	}
}

// What systemd is told of limits: each file that it would write again.
func TestProperties(t *testing.T) {
	many := &specs.LinuxResources{
		Memory:  &specs.LinuxMemory{Limit: to[int64](1 << 20), Swap: to[int64](3 << 20), Reservation: to[int64](5)},
		CPU:     &specs.LinuxCPU{Shares: to[uint64](1024), Quota: to[int64](12_345), Period: to[uint64](50_000), Cpus: "0-2,9", Mems: "0"},
		Pids:    &specs.LinuxPids{Limit: to[int64](7)},
		BlockIO: &specs.LinuxBlockIO{Weight: to[uint16](500), WeightDevice: []specs.LinuxWeightDevice{{}}},
	}
	for name, tc := range map[string]struct {
		layout Layout
		ask    *specs.LinuxResources
		now    map[string]string // what files say
		want   string
	}{
		"version 2": {onV2, many, nil, "MemoryMax=1048576, MemorySwapMax=2097152, MemoryLow=5, CPUWeight=100, AllowedCPUs=0-2,9, AllowedMemoryNodes=0, TasksMax=7, IOWeight=4950, CPUQuotaPerSecUSec=250000, CPUQuotaPeriodUSec=50000"},
		"version 1": {onV1, many, nil, "MemoryLimit=1048576, CPUShares=1024, TasksMax=7, BlockIOWeight=500, CPUQuotaPerSecUSec=250000, CPUQuotaPeriodUSec=50000"},
		"none": {onV2, &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: to[int64](-1)}, Pids: &specs.LinuxPids{Limit: to[int64](-1)}, CPU: &specs.LinuxCPU{Quota: to[int64](-1)}}, nil,
			"MemoryMax=infinity, MemorySwapMax=infinity, TasksMax=infinity, CPUQuotaPerSecUSec=infinity, CPUQuotaPeriodUSec=100000"},
		"idle": {onV2, &specs.LinuxResources{CPU: &specs.LinuxCPU{Shares: to[uint64](1024), Idle: to[int64](1)}}, nil, "CPUWeight=idle"},
		"by its file": {onV2, &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: to[int64](5)},
			Unified: map[string]string{"memory.max": "max", "memory.high": "6", "memory.min": "7", "cpu.max": "50000 200000", "io.weight": "default 20", "cpuset.cpus": "1", "io.max": "8:0 rbps=1"}}, nil,
			"AllowedCPUs=1, IOWeight=20, MemoryHigh=6, MemoryMax=infinity, MemoryMin=7, CPUQuotaPerSecUSec=250000, CPUQuotaPeriodUSec=200000"},
		"a quota, with the period there is": {onV2, &specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: to[int64](20_000)}}, map[string]string{"cpu.max": "max 40000\n"},
			"CPUQuotaPerSecUSec=500000, CPUQuotaPeriodUSec=40000"},
		"a period, with the quota there is": {onV2, &specs.LinuxResources{CPU: &specs.LinuxCPU{Period: to[uint64](20_000)}}, map[string]string{"cpu.max": "10000 100000\n"},
			"CPUQuotaPerSecUSec=500000, CPUQuotaPeriodUSec=20000"},
		"the same on version 1": {onV1, &specs.LinuxResources{CPU: &specs.LinuxCPU{Period: to[uint64](20_000)}}, map[string]string{"cpu.cfs_quota_us": "10000\n", "cpu.cfs_period_us": "100000\n"},
			"CPUQuotaPerSecUSec=500000, CPUQuotaPeriodUSec=20000"},
	} {
		current := func(_, file string) string { return tc.now[file] }
		list, err := translate(tc.layout, tc.ask, current)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := textOf(propertiesFor(tc.layout, list, current)); got != tc.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, tc.want)
		}
	}
}

func TestBits(t *testing.T) {
	for list, want := range map[string]string{"0": "\x01", "0-3,7": "\x8f", "9": "\x00\x02", "8-15": "\x00\xff", "": "-", "3-1": "-", "0-6:2/3": "-", "99999999": "-"} {
		set, ok := bits(list)
		if got := string(set); ok != (want != "-") || ok && got != want {
			t.Errorf("%q: got %q, %v, want %q", list, got, ok, want)
		}
	}
}

// Version 1's devices are told in systemd's own words.
func TestDeviceProperties(t *testing.T) {
	number := to[int64]
	for name, tc := range map[string]struct {
		rules []specs.LinuxDeviceCgroup
		want  string // a part of the property, or of the error
	}{
		"allowed":         {[]specs.LinuxDeviceCgroup{{Access: "rwm"}, {Allow: true, Type: "b", Major: number(8), Minor: number(1), Access: "r"}}, "{/dev/block/8:1 r} {char-* m} {block-* m} {/dev/char/1:3 rwm}"},
		"of a driver":     {[]specs.LinuxDeviceCgroup{{Access: "rwm"}, {Allow: true, Type: "c", Major: number(226), Access: "rw"}}, "{char-226 rw}"},
		"taken back":      {[]specs.LinuxDeviceCgroup{{Access: "rwm"}, {Allow: true, Type: "c", Major: number(7), Minor: number(1)}, {Type: "c", Major: number(7), Minor: number(1), Access: "wm"}}, "[{/dev/char/7:1 r} {char-* m}"},
		"forbidden":       {[]specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}, {Type: "c", Major: number(7), Access: "rw"}}, "systemd can't forbid some devices and allow all others"},
		"of every driver": {[]specs.LinuxDeviceCgroup{{Access: "rwm"}, {Allow: true, Type: "c", Minor: number(7)}}, "systemd can't allow one number of every driver (c *:7 rwm)"},
	} {
		c, err := New(onV1, Where{Privileged: true, Systemd: true, All: true, Name: "c"}, &specs.LinuxResources{Devices: tc.rules})
		got := ""
		if err == nil {
			got = textOf(c.request.properties)
		} else {
			got = err.Error()
		}
		if !strings.Contains(got, tc.want) {
			t.Errorf("%s: got\n%s\nwant in it\n%s", name, got, tc.want)
		}
	}
}

func TestAnnotations(t *testing.T) {
	where := Where{Privileged: true, Systemd: true, Name: "c", Annotations: map[string]string{
		"org.systemd.property.TimeoutStopUSec": "uint64 5000000", "org.systemd.property.CollectMode": "'inactive-or-failed'", "org.systemd.property.MemoryMax": "uint64 9", "org.other": "x",
	}}
	c, err := New(onV2, where, &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: to[int64](5)}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := textOf(c.request.properties), `DefaultDependencies=false, CollectMode="inactive-or-failed", MemoryMax=9, TimeoutStopUSec=5000000`; !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s\nwant at its end\n%s", got, want)
	}
	for _, bad := range []string{"", "uint64", "uint64 x", "uint32 4294967296", "4294967296", "int64 'x'", "inactive", "'a", "'a' b", `'a\\`, "['a']", "5 6", "0x010", "۶", "@b []"} {
		where.Annotations = map[string]string{"org.systemd.property.X": bad}
		if _, err := New(onV2, where, nil); err == nil || !strings.Contains(err.Error(), "org.systemd.property.X") {
			t.Errorf("%q: got error %v", bad, err)
		}
	}
}

func TestParseVariant(t *testing.T) {
	for text, want := range map[string]any{
		"'a b'": "a b", `"a'b"`: "a'b", `'a\'b\\'`: `a'b\`, "''": "", "true": true, "false": false, "5": int32(5), "-5": int32(-5), "0x10": int32(16),
		"int64 -6": int64(-6), "uint32 7": uint32(7), " uint64  18446744073709551615 ": uint64(infinity), "@u 8": uint32(8), "@i 8": int32(8), "@x 8": int64(8), "@t 8": uint64(8), "uint16 9": uint16(9), "byte 10": byte(10),
	} {
		if got, err := parseVariant(text); err != nil || got != want {
			t.Errorf("%q: got %#v and error %v, want %#v", text, got, err, want)
		}
	}
}

// An image can bring annotations. Whatever they say, it is a value that can be sent, or an error.
func FuzzParseVariant(f *testing.F) {
	for _, text := range []string{"'a'", `"a\u00e9"`, "true", "@y 5", "uint64 5 6", "0x1f", "-08", "5e3", "\u06f6", "[1]", "@b []", "{<5>: 5}", "<5>"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := parseVariant(text)
		if kinds := "sbynqiuxt"; err == nil && !strings.Contains(kinds, dbus.SignatureOf(v).String()) {
			t.Errorf("%q is %T", text, v)
		}
	})
}

func TestSystemdAndVersion1(t *testing.T) {
	if _, err := New(hybrid, Where{Systemd: true, Name: "c", All: true}, nil); !errors.Is(err, ErrNotDelegated) {
		t.Errorf("an ordinary user with version 1: got error %v", err)
	}
}
