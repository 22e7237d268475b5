package runtime

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	goruntime "runtime"
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
		{Mount: "/sys/fs/cgroup/devices", Own: "/", Controllers: []string{"devices"}},
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

// refuse is a filter that answers one call with EPERM.
func refuse(name string) *specs.LinuxSeccomp {
	return &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{name}, Action: specs.ActErrno}}}
}

func devices(s *specs.Spec) {
	major, minor := int64(10), int64(229)
	s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/fuse", Type: "c", Major: major, Minor: minor}}
	s.Linux.Resources = &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{
		{Access: "rwm"}, {Allow: true, Type: "c", Major: &major, Minor: &minor, Access: "rw"},
	}}
}

func TestPlan(t *testing.T) {
	root := Host{Privileged: true, Root: true, Capabilities: 1<<41 - 1, SetGroups: true, Groups: []specs.LinuxIDMapping{{Size: 1<<32 - 1}}, Cgroups: none, IsDir: func(p string) (bool, error) { return strings.HasSuffix(p, "dir"), nil }}
	onV1, onV2, userOnV2, user := root, root, root, root
	onV1.Cgroups, onV2.Cgroups, userOnV2.Cgroups = v1, v2, v2
	user.Privileged, userOnV2.Privileged = false, false
	user.Root, userOnV2.Root = false, false
	layers := &overlay.Mount{Lower: []string{"/s/layers/low", "/s/layers/high"}, Upper: "/s/c/upper", Work: "/s/c/work", Target: "/s/c/rootfs"}
	userLayers := *layers
	userLayers.User = true

	for name, tc := range map[string]struct {
		host    Host
		overlay *overlay.Mount
		spec    *specs.Spec
		created bool // made by stave-oci create: it waits for its start
	}{
		"smallest": {host: root, spec: small(nil)},
		"identity": {host: root, overlay: nil, spec: small(func(s *specs.Spec) {
			add(s, specs.UTSNamespace, specs.IPCNamespace, specs.NetworkNamespace)
			s.Hostname, s.Domainname = "box", "example"
			s.Process.User = specs.User{UID: 1000, GID: 100, AdditionalGids: []uint32{10, 20}}
			s.Process.Args, s.Process.Cwd = []string{"sh", "-c", "true"}, "/work/here"
			s.Process.Env = []string{"PATH=/usr/bin:/bin"}
			s.Process.NoNewPrivileges = true
			s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 1024, Hard: 4096}}
		})},
		"mounts": {host: root, overlay: layers, spec: small(func(s *specs.Spec) {
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
		"limits-v1": {host: onV1, overlay: nil, spec: small(limits)},
		"limits-v2": {host: onV2, overlay: nil, spec: small(limits)},
		"limits-delegated": {host: userOnV2, overlay: nil, spec: small(func(s *specs.Spec) {
			limits(s)
			s.Linux.Resources.CPU = nil
		})},
		"no-limits-v2": {host: onV2, overlay: nil, spec: small(nil)},
		"user-one-id": {host: user, overlay: &userLayers, spec: small(func(s *specs.Spec) {
			add(s, specs.UserNamespace)
			one := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1000, Size: 1}}
			s.Linux.UIDMappings, s.Linux.GIDMappings = one, one
			s.Mounts = []specs.Mount{
				{Type: "tmpfs", Destination: "/dev"},
				{Type: "devpts", Destination: "/dev/pts", Options: []string{"newinstance", "gid=5"}},
				{Type: "sysfs", Destination: "/sys", Options: []string{"ro"}},
			}
		})},
		"user-range": {host: user, overlay: &userLayers, spec: small(func(s *specs.Spec) {
			add(s, specs.UserNamespace)
			ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1000, Size: 1}, {ContainerID: 1, HostID: 100000, Size: 65536}}
			s.Linux.UIDMappings, s.Linux.GIDMappings = ids, ids
			s.Process.User = specs.User{UID: 7, GID: 7}
		})},
		"terminal": {host: root, overlay: nil, spec: small(func(s *specs.Spec) {
			s.Process.Terminal = true
			s.Process.ConsoleSize = &specs.Box{Height: 24, Width: 80}
		})},
		"created": {host: onV2, created: true, spec: small(func(s *specs.Spec) {
			ten := 10
			hook := specs.Hook{Path: "/bin/hook", Args: []string{"hook", "up"}, Env: []string{"A=b"}, Timeout: &ten}
			s.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{hook}, CreateContainer: []specs.Hook{hook}}
			s.Process.NoNewPrivileges = true
			s.Process.Args = []string{"true"}
			s.Process.Env = []string{"PATH=/usr/bin:/bin", "HOME=/"}
			s.Linux.Seccomp = refuse("mkdir")
		})},
		"privileged": {host: onV1, created: true, spec: small(func(s *specs.Spec) {
			s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: []string{"CAP_CHOWN", "CAP_KILL"}, Permitted: []string{"CAP_CHOWN", "CAP_KILL"},
				Effective: []string{"CAP_CHOWN"}, Inheritable: []string{"CAP_KILL"}, Ambient: []string{"CAP_KILL"}}
			s.Linux.Seccomp = refuse("mkdir")
			s.Process.ApparmorProfile = "box"
		})},
		"joined": {host: root, spec: small(func(s *specs.Spec) {
			add(s, specs.TimeNamespace, specs.UTSNamespace)
			s.Linux.Namespaces[1].Path = "/proc/7/ns/pid"
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace, Path: "/proc/7/ns/user"},
				specs.LinuxNamespace{Type: specs.NetworkNamespace, Path: "/run/netns/blue"})
			s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"monotonic": {Secs: 1}, "boottime": {Secs: -1, Nanosecs: 5}}
		})},
		"attributes": {host: root, spec: small(func(s *specs.Spec) {
			add(s, specs.NetworkNamespace, specs.IPCNamespace)
			score := 500
			s.Process.OOMScoreAdj = &score
			s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedBatch, Nice: 5}
			s.Process.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 4}
			s.Process.ApparmorProfile, s.Process.SelinuxLabel = "box", "system_u:system_r:box_t:s0:c1,c2"
			s.Linux.MountLabel, s.Linux.MaskedPaths = "system_u:object_r:box_file_t:s0:c1,c2", []string{"/proc/acpi"}
			s.Mounts = []specs.Mount{{Type: "proc", Destination: "/proc"}, {Type: "tmpfs", Destination: "/dev"}}
			s.Linux.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32}
			s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1", "kernel.shmmax": "4096"}
		})},
		"host-mounts": {host: root, spec: small(func(s *specs.Spec) {
			s.Linux.Namespaces = s.Linux.Namespaces[1:]
			s.Mounts = []specs.Mount{{Type: "proc", Source: "proc", Destination: "/proc"}}
			s.Linux.RootfsPropagation = "private"
			s.Linux.MaskedPaths = []string{"/proc/kcore"}
		})},
		"devices-v1": {host: onV1, spec: small(devices)},
		"devices-v2": {host: onV2, spec: small(devices)},
	} {
		t.Run(name, func(t *testing.T) {
			c := &Container{ID: "stave-test", Spec: tc.spec, Overlay: tc.overlay, DieWithParent: true, MountOn: "/run/stave-oci/stave-test/root"}
			if tc.created {
				c = &Container{ID: "stave-test", Spec: tc.spec, Gate: "gate", PreserveFDs: 2, AllHierarchies: true,
					StateJSON: func(status string) (string, string) { return `{"status":"` + status + `","pid":`, "}" }}
			}
			p, err := c.Plan(tc.host)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := p.Plan.WriteText(&got, nil); err != nil {
				t.Fatal(err)
			}
			text := got.String()
			if goruntime.GOARCH != "amd64" { // how long a seccomp filter is depends on how many ways of calling a machine has
				text = strings.ReplaceAll(text, "{5 instructions, filter}", "{10 instructions, filter}")
			}
			golden := filepath.Join("testdata", name+".plan")
			if *update {
				if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if text != string(want) {
				t.Errorf("the plan differs from %s; if that is meant, run: go test ./final/runtime -update\n%s", golden, firstDifference(text, string(want)))
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
	for want, change := range map[string]func(*specs.Spec){
		"linux.intelRdt":         func(s *specs.Spec) { s.Linux.IntelRdt = &specs.LinuxIntelRdt{} },
		"no root.path":           func(s *specs.Spec) { s.Root = nil },
		"has no process":         func(s *specs.Spec) { s.Process = nil },
		"has no linux":           func(s *specs.Spec) { s.Linux = nil },
		"another system":         func(s *specs.Spec) { s.Windows = &specs.Windows{} },
		`no type "moon"`:         func(s *specs.Spec) { add(s, "moon") },
		"pid twice":              func(s *specs.Spec) { add(s, specs.PIDNamespace) },
		"has no mount namespace": func(s *specs.Spec) { s.Linux.Namespaces = nil },
		"need a new time":        func(s *specs.Spec) { s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: 1}} },
		`no clock "wall"`: func(s *specs.Spec) {
			add(s, specs.TimeNamespace)
			s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"wall": {Secs: 1}}
		},
		"belongs to the whole machine": func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"kernel.panic": "1"} },
		"needs a network namespace":    func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1"} },
		"linux.sysctl: net.ipv4.ip_forward: would change the host's": func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace, Path: "/proc/self/ns/net"})
			s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1"}
		},
		"linux.sysctl: kernel.msgmax: would change the host's": func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.IPCNamespace, Path: "/proc/thread-self/ns/ipc"})
			s.Linux.Sysctl = map[string]string{"kernel.msgmax": "8192"}
		},
		"hostname would change the host's": func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UTSNamespace, Path: "/proc/self/ns/uts"})
			s.Hostname = "box"
		},
		"domainname would change the host's": func(s *specs.Spec) { s.Domainname = "box" },
		"linux.namespaces: looking at /nowhere": func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UTSNamespace, Path: "/nowhere"})
			s.Hostname = "box"
		},
		"is no parameter's name": func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"net/../kernel/panic": "1"} },
		`no policy "SCHED_FUN"`:  func(s *specs.Spec) { s.Process.Scheduler = &specs.Scheduler{Policy: "SCHED_FUN"} },
		"priority from 0 to 7": func(s *specs.Spec) {
			s.Process.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 8}
		},
		"neither LINUX nor": func(s *specs.Spec) { s.Linux.Personality = &specs.LinuxPersonality{Domain: "BSD"} },
		"names RLIMIT_NOFILE twice": func(s *specs.Spec) {
			s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE"}, {Type: "RLIMIT_NOFILE"}}
		},
		"there is no RLIMIT_X": func(s *specs.Spec) { s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_X"}} },
		"user 5:0 doesn't exist": func(s *specs.Spec) {
			add(s, specs.UserNamespace)
			s.Linux.UIDMappings = []specs.LinuxIDMapping{{HostID: 1000, Size: 1}}
			s.Linux.GIDMappings = s.Linux.UIDMappings
			s.Process.User.UID = 5
		},
	} {
		c := &Container{ID: "stave-test", Spec: small(change)}
		if _, err := c.Plan(host); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	limit := int64(1)
	c := &Container{ID: "stave-test", Spec: small(func(s *specs.Spec) {
		s.Linux.Resources = &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &limit}}
	})}
	for _, h := range []Host{{Privileged: true}, {Cgroups: v1}, {Cgroups: cgroup.Layout{Hierarchies: []cgroup.Hierarchy{{Mount: "/x", V2: true, Controllers: []string{"pids"}}}}}} {
		if _, err := c.Plan(h); err == nil || !strings.HasPrefix(err.Error(), "limiting pids: ") {
			t.Errorf("a limit without a controller or delegation gave %v", err)
		}
	}
}
