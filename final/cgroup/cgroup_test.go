package cgroup

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestParseLayout(t *testing.T) {
	const (
		hybridMounts = `24 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 24 0:26 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:5 - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 / /sys/fs/cgroup/my\040memory rw,relatime - cgroup cgroup rw,memory
33 30 0:29 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
34 30 0:30 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
broken line
`
		hybridOwn = "4:name=systemd:/init\n3:memory:/jobs/7\n2:cpu,cpuacct:/\n0::/init\n"
		inside    = "35 30 0:30 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup rw\n"
	)
	for name, tc := range map[string]struct {
		mounts, own string
		want        []Hierarchy
	}{
		"hybrid": {hybridMounts, hybridOwn, []Hierarchy{
			{Mount: "/sys/fs/cgroup/cpu,cpuacct", Own: "/", Controllers: []string{"cpu", "cpuacct"}},
			{Mount: "/sys/fs/cgroup/my memory", Own: "/jobs/7", Controllers: []string{"memory"}},
			{Mount: "/sys/fs/cgroup/systemd", Own: "/init", Controllers: []string{"name=systemd"}},
			{Mount: "/sys/fs/cgroup/unified", Own: "/init", V2: true},
		}},
		"in a container without a cgroup namespace": {inside, "0::/docker/abc/work\n", []Hierarchy{{Mount: "/sys/fs/cgroup", Own: "/work", V2: true}}},
		"one mount over another":                    {inside + inside, "0::/docker/abc/work\n", []Hierarchy{{Mount: "/sys/fs/cgroup", Own: "/work", V2: true}}},
		"nothing":                                   {"", "", nil},
	} {
		if got := parseLayout(tc.mounts, tc.own).Hierarchies; !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: got %+v, want %+v", name, got, tc.want)
		}
	}
}

func FuzzParseLayout(f *testing.F) {
	f.Add("31 30 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n", "2:cpu:/x\n0::/\n")
	f.Add(" - cgroup2 a b", "::::")
	f.Fuzz(func(t *testing.T, mounts, own string) {
		for _, h := range parseLayout(mounts, own).Hierarchies {
			if !filepath.IsAbs(h.Own) || h.Own != filepath.Clean(h.Own) {
				t.Errorf("own cgroup %q is no clean path", h.Own)
			}
		}
	})
}

func TestOOMKills(t *testing.T) {
	v1, v2, without := t.TempDir(), t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		v1 + "/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
		v2 + "/memory.events":      "low 0\nhigh 0\nmax 31\noom 1\noom_kill 3\noom_group_kill 0\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		dirs []string
		want int
	}{{[]string{without, v1}, 2}, {[]string{v2}, 3}, {[]string{without}, 0}, {nil, 0}} {
		if got := OOMKills(tc.dirs); got != tc.want {
			t.Errorf("OOMKills(%v) = %d, want %d", tc.dirs, got, tc.want)
		}
	}
}

func TestRemoveOfWhatIsGone(t *testing.T) {
	if err := Remove([]string{t.TempDir() + "/gone"}); err != nil {
		t.Error(err)
	}
}
