package runtime

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"stave/final/cgroup"
	"stave/final/overlay"
)

var update = flag.Bool("update", false, "write the golden plans anew")

// Machines the plans are made for. No plan depends on the machine the test runs on.
var (
	v1 = cgroup.Layout{Hierarchies: []cgroup.Hierarchy{
		{Mount: "/sys/fs/cgroup/memory", Own: "/", Controllers: []string{"memory"}},
		{Mount: "/sys/fs/cgroup/cpu,cpuacct", Own: "/", Controllers: []string{"cpu", "cpuacct"}},
		{Mount: "/sys/fs/cgroup/pids", Own: "/", Controllers: []string{"pids"}},
		{Mount: "/sys/fs/cgroup/systemd", Own: "/", Controllers: []string{"name=systemd"}},
		{Mount: "/sys/fs/cgroup/unified", Own: "/", V2: true},
	}}
	v2 = cgroup.Layout{Hierarchies: []cgroup.Hierarchy{{
		Mount: "/sys/fs/cgroup", Own: "/user.slice/box/shell", Controllers: []string{"cpu", "memory", "pids"}, V2: true,
		Delegated: "/sys/fs/cgroup/user.slice/box", Handed: []string{"memory", "pids"},
	}}}
	none = cgroup.Layout{}
)

// small is the least a container can be.
func small(change func(*specs.Spec)) *specs.Spec {
	s := &specs.Spec{
		Root:    &specs.Root{Path: "/bundle/rootfs"},
		Process: &specs.Process{Cwd: "/", Args: []string{"/bin/true"}, Env: []string{"PATH=/bin"}},
		Linux:   &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.MountNamespace}, {Type: specs.PIDNamespace}}},
	}
	if change != nil {
		change(s)
	}
	return s
}

func add(s *specs.Spec, types ...specs.LinuxNamespaceType) {
	for _, t := range types {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: t})
	}
}

func limits(s *specs.Spec) {
	add(s, specs.CgroupNamespace)
	memory, quota, period, pids := int64(64<<20), int64(50_000), uint64(100_000), int64(20)
	s.Linux.Resources = &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: &memory, Swap: &memory},
		CPU:    &specs.LinuxCPU{Quota: &quota, Period: &period},
		Pids:   &specs.LinuxPids{Limit: &pids},
	}
	s.Mounts = []specs.Mount{{Type: "cgroup", Source: "cgroup", Destination: "/sys/fs/cgroup", Options: []string{"ro"}}}
}

func TestPlan(t *testing.T) {
	root := Host{Privileged: true, Cgroups: none, IsDir: func(p string) (bool, error) { return strings.HasSuffix(p, "dir"), nil }}
	onV1, onV2, userOnV2, user := root, root, root, root
	onV1.Cgroups, onV2.Cgroups, userOnV2.Cgroups = v1, v2, v2
	user.Privileged, userOnV2.Privileged = false, false
	layers := &overlay.Mount{Lower: []string{"/s/layers/low", "/s/layers/high"}, Upper: "/s/c/upper", Work: "/s/c/work", Target: "/s/c/rootfs"}
	userLayers := *layers
	userLayers.User = true

	for name, tc := range map[string]struct {
		host    Host
		overlay *overlay.Mount
		spec    *specs.Spec
	}{
		"smallest": {root, nil, small(nil)},
		"identity": {root, nil, small(func(s *specs.Spec) {
			add(s, specs.UTSNamespace, specs.IPCNamespace, specs.NetworkNamespace)
			s.Hostname, s.Domainname = "box", "example"
			s.Process.User = specs.User{UID: 1000, GID: 100, AdditionalGids: []uint32{10, 20}}
			s.Process.Args, s.Process.Cwd = []string{"sh", "-c", "true"}, "/work/here"
			s.Process.Env = []string{"PATH=/usr/bin:/bin"}
			s.Process.NoNewPrivileges = true
			s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 1024, Hard: 4096}}
		})},
		"mounts": {root, layers, small(func(s *specs.Spec) {
			s.Root.Readonly = true
			s.Mounts = []specs.Mount{
				{Type: "proc", Source: "proc", Destination: "/proc", Options: []string{"nosuid", "noexec", "nodev"}},
				{Type: "tmpfs", Destination: "/dev", Options: []string{"mode=755"}},
				{Type: "bind", Source: "/host/dir", Destination: "/data", Options: []string{"rbind", "ro", "rprivate"}},
				{Type: "bind", Source: "/host/file", Destination: "/etc/file", Options: []string{"bind", "noatime"}},
			}
			s.Linux.MaskedPaths = []string{"/proc/kcore"}
			s.Linux.ReadonlyPaths = []string{"/proc/sys"}
		})},
		"limits-v1": {onV1, nil, small(limits)},
		"limits-v2": {onV2, nil, small(limits)},
		"limits-delegated": {userOnV2, nil, small(func(s *specs.Spec) {
			limits(s)
			s.Linux.Resources.CPU = nil
		})},
		"no-limits-v2": {onV2, nil, small(nil)},
		"user-one-id": {user, &userLayers, small(func(s *specs.Spec) {
			add(s, specs.UserNamespace)
			one := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1000, Size: 1}}
			s.Linux.UIDMappings, s.Linux.GIDMappings = one, one
			s.Mounts = []specs.Mount{
				{Type: "tmpfs", Destination: "/dev"},
				{Type: "devpts", Destination: "/dev/pts", Options: []string{"newinstance", "gid=5"}},
				{Type: "sysfs", Destination: "/sys", Options: []string{"ro"}},
			}
		})},
		"user-range": {user, &userLayers, small(func(s *specs.Spec) {
			add(s, specs.UserNamespace)
			ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1000, Size: 1}, {ContainerID: 1, HostID: 100000, Size: 65536}}
			s.Linux.UIDMappings, s.Linux.GIDMappings = ids, ids
			s.Process.User = specs.User{UID: 7, GID: 7}
		})},
		"terminal": {root, nil, small(func(s *specs.Spec) {
			s.Process.Terminal = true
			s.Process.ConsoleSize = &specs.Box{Height: 24, Width: 80}
		})},
	} {
		t.Run(name, func(t *testing.T) {
			c := &Container{Cgroup: "stave-test", Spec: tc.spec, Overlay: tc.overlay}
			p, _, err := c.Plan(tc.host)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := p.WriteText(&got, nil); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".plan")
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("the plan differs from %s; if that is meant, run: go test ./final/runtime -update\n%s", golden, firstDifference(got.String(), string(want)))
			}
		})
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "got:  " + g[i] + "\nwant: " + w[i]
		}
	}
	return "one is longer than the other"
}

// What a configuration asks for and doesn't get is an error that names it.
func TestPlanRefuses(t *testing.T) {
	host := Host{Privileged: true, Cgroups: v1, IsDir: func(string) (bool, error) { return true, nil }}
	shares := uint64(5)
	for want, change := range map[string]func(*specs.Spec){
		"hooks":                 func(s *specs.Spec) { s.Hooks = &specs.Hooks{} },
		"linux.seccomp":         func(s *specs.Spec) { s.Linux.Seccomp = &specs.LinuxSeccomp{} },
		"process.capabilities":  func(s *specs.Spec) { s.Process.Capabilities = &specs.LinuxCapabilities{} },
		"needs a uts namespace": func(s *specs.Spec) { s.Hostname = "box" },
		"there is no program":   func(s *specs.Spec) { s.Process.Args = nil },
		"not an absolute path":  func(s *specs.Spec) { s.Process.Cwd = "work" },
		"would hide":            func(s *specs.Spec) { s.Mounts = []specs.Mount{{Type: "tmpfs", Destination: "/x/.."}} },
		"destination \"x\"":     func(s *specs.Spec) { s.Mounts = []specs.Mount{{Type: "tmpfs", Destination: "x"}} },
		"\"idmap\" is not supported": func(s *specs.Spec) {
			s.Mounts = []specs.Mount{{Type: "bind", Destination: "/x", Options: []string{"idmap"}}}
		},
		"unknown option \"rw2\"": func(s *specs.Spec) {
			s.Mounts = []specs.Mount{{Type: "bind", Destination: "/x", Options: []string{"rw2"}}}
		},
		"\"time\" is not supported": func(s *specs.Spec) { add(s, specs.TimeNamespace) },
		"pid twice":                 func(s *specs.Spec) { add(s, specs.PIDNamespace) },
		"must have a new mount":     func(s *specs.Spec) { s.Linux.Namespaces = nil },
		"there is no RLIMIT_X":      func(s *specs.Spec) { s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_X"}} },
		"resources.cpu (other":      func(s *specs.Spec) { s.Linux.Resources = &specs.LinuxResources{CPU: &specs.LinuxCPU{Shares: &shares}} },
		"user 5:0 doesn't exist": func(s *specs.Spec) {
			add(s, specs.UserNamespace)
			s.Linux.UIDMappings = []specs.LinuxIDMapping{{HostID: 1000, Size: 1}}
			s.Linux.GIDMappings = s.Linux.UIDMappings
			s.Process.User.UID = 5
		},
	} {
		c := &Container{Cgroup: "stave-test", Spec: small(change)}
		if _, _, err := c.Plan(host); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	limit := int64(1)
	c := &Container{Cgroup: "stave-test", Spec: small(func(s *specs.Spec) {
		s.Linux.Resources = &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &limit}}
	})}
	for _, h := range []Host{{Privileged: true}, {Cgroups: v1}, {Cgroups: cgroup.Layout{Hierarchies: []cgroup.Hierarchy{{Mount: "/x", V2: true, Controllers: []string{"pids"}}}}}} {
		if _, _, err := c.Plan(h); err == nil || !strings.HasPrefix(err.Error(), "limiting pids: ") {
			t.Errorf("a limit without a controller or delegation gave %v", err)
		}
	}
}
