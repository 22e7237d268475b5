package doctor

import (
	"maps"
	"reflect"
	"strings"
	"testing"
)

const hybridMounts = `24 1 254:0 / / rw,relatime - ext4 /dev/vda rw
31 24 0:27 / /sys/fs/cgroup ro,nosuid shared:9 - tmpfs tmpfs ro,mode=755
32 31 0:28 / /sys/fs/cgroup/unified rw,nosuid shared:10 - cgroup2 cgroup2 rw
33 31 0:29 / /sys/fs/cgroup/systemd rw,nosuid shared:11 - cgroup cgroup rw,name=systemd
34 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:12 master:3 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory
`

func TestParseHierarchies(t *testing.T) {
	got := parseHierarchies(hybridMounts)
	want := []hierarchy{
		{version: 2, root: "/", point: "/sys/fs/cgroup/unified"},
		{1, "/", "/sys/fs/cgroup/systemd", []string{"rw", "name=systemd"}},
		{1, "/", "/sys/fs/cgroup/cpu,cpuacct", []string{"rw", "cpu", "cpuacct"}},
		{1, "/docker/abc", "/sys/fs/cgroup/memory", []string{"rw", "memory"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	for text, want := range map[string]string{
		hybridMounts: "hybrid",
		"30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n":                "v2",
		"35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n":    "v1",
		"24 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n":                      "none",
		"24 1 254:0 / / rw - ext4\n31 24 0:27\n - cgroup2 cgroup2 rw\n\n - \n": "none",
	} {
		if got := layout(parseHierarchies(text)); got != want {
			t.Errorf("layout %q, want %q, of\n%s", got, want, text)
		}
	}
}

func TestOwnCgroup(t *testing.T) {
	for _, test := range []struct{ root, path, want string }{
		{"/", "/", "/cg"},
		{"/", "/user.slice/a.scope", "/cg/user.slice/a.scope"},
		{"/docker/abc", "/docker/abc/inner", "/cg/inner"},
		{"/docker/abc", "/docker/abcd", ""},
		{"/docker/abc", "/", ""},
		{"/", "/../elsewhere", "/cg/elsewhere"}, // cleaned; nothing outside of /cg is ever named
		{"/", "", ""},
	} {
		h := hierarchy{root: test.root, point: "/cg"}
		if got := h.own(test.path); got != test.want {
			t.Errorf("%q in %q: %q, want %q", test.path, test.root, got, test.want)
		}
	}
}

func TestParseMembership(t *testing.T) {
	got := parseMembership("12:cpu,cpuacct:/a\n4:memory:/b:c\n1:name=systemd:/init.scope\n0::/user.slice\nnonsense\n")
	want := map[string]string{"cpu": "/a", "cpuacct": "/a", "memory": "/b:c", "name=systemd": "/init.scope", "": "/user.slice"}
	if !maps.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestParseDisabled(t *testing.T) {
	got := parseDisabled("#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t1\t1\t1\nmemory\t0\t30\t0\n")
	if want := map[string]bool{"memory": true}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestParseIDRanges(t *testing.T) {
	got := parseIDRanges("ann:100000:65536\n# ann:1:2:3\n\n1001:165536:65536\nbob:x:65536\nbob:1:-2\ncarl:5:0\ndora:4294967296:1")
	want := []IDRange{{"ann", 100000, 65536}, {"1001", 165536, 65536}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestStatusField(t *testing.T) {
	status := "Name:\tbash\nCapInh:\t0000000000000000\nCapEff:\t000001ffffffffff\nSeccomp:\t2\nSeccomp_filters:\t1\n"
	if got := statusField(status, "CapEff", 16); got != 0x1ffffffffff {
		t.Errorf("CapEff %#x", got)
	}
	if got := statusField(status, "Seccomp", 10); got != 2 {
		t.Errorf("Seccomp %d", got)
	}
	if got := statusField(status, "NoSuchField", 10); got != 0 {
		t.Errorf("NoSuchField %d", got)
	}
}

func TestUserName(t *testing.T) {
	passwd := "root:x:0:0:root:/root:/bin/bash\nbroken\nann:x:1000:1000::/home/ann:/bin/sh\n"
	for uid, want := range map[int]string{0: "root", 1000: "ann", 1001: "1001"} {
		if got := userName(passwd, uid); got != want {
			t.Errorf("uid %d is %q, want %q", uid, got, want)
		}
	}
}

func TestWSL(t *testing.T) {
	for release, want := range map[string]int{
		"4.4.0-19041-Microsoft":                1,
		"5.15.153.1-microsoft-standard-WSL2":   2,
		"6.6.36.3-microsoft-standard-WSL2-own": 2,
		"6.8.0-1021-azure":                     0,
	} {
		if got := wsl(release); got != want {
			t.Errorf("%s is WSL %d, want %d", release, got, want)
		}
	}
}

// What the parsers make of any text leads to findings, never to a panic or a cgroup outside of its hierarchy.
func FuzzParse(f *testing.F) {
	f.Add(hybridMounts, "4:memory:/../../etc\n0::/a\n", "ann:4294967295:4294967295\nann:1:1")
	f.Add("1 2 3 4 /cg - cgroup2 x y\n", "0::..\n", ":::")
	f.Fuzz(func(t *testing.T, mountinfo, cgroup, subuid string) {
		facts := asOrdinaryUser()
		facts.SubUID = parseIDRanges(subuid)
		member := parseMembership(cgroup)
		for _, h := range parseHierarchies(mountinfo) {
			h.point = "/cg"
			if dir := h.own(member[""]); dir != "" && dir != "/cg" && !strings.HasPrefix(dir, "/cg/") {
				t.Errorf("%q of %+v is %q", member[""], h, dir)
			}
		}
		Diagnose(facts)
	})
}
