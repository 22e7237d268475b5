package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/mount"
	"stave/final/overlay"
	"stave/final/user"
)

// Options are what the user asked for.
type Options struct {
	Name    string
	Image   string // a reference, unless Rootfs is given
	Rootfs  string // a directory in place of an image
	Command []string

	Hostname, User, WorkDir string
	Env                     []string // NAME=value, or NAME to pass the caller's
	Volumes                 []string // SRC:DST[:OPTIONS]
	Tmpfs                   []string // DST[:OPTIONS]
	ReadOnly                bool
	Network                 string  // none or host
	Memory                  int64   // bytes; 0 is no limit
	CPUs                    float64 // processors; 0 is no limit
	Pids                    int64   // processes; 0 is no limit

	Interactive, TTY bool

	Isolation
}

// maxAccounts bounds /etc/passwd and /etc/group of an image, in bytes.
const maxAccounts = 1 << 20

// spec makes the configuration: what an image asks for, what the user asked for over it, and round both what every container has.
func (e *Engine) spec(c *container, o Options, hostname string, config v1.ImageConfig) (*specs.Spec, error) {
	s := &specs.Spec{
		Version: specs.Version,
		Root:    &specs.Root{Path: c.path("upper"), Readonly: o.ReadOnly},
		Linux:   &specs.Linux{Resources: resources(o)},
	}
	if !o.sharesUTS() {
		s.Hostname = hostname
	}
	var err error
	if s.Linux.Namespaces, err = e.namespaces(o); err != nil {
		return nil, err
	}
	if e.mapping != nil {
		s.Linux.UIDMappings, s.Linux.GIDMappings = e.mapping.UIDs, e.mapping.GIDs
	}
	if s.Process, err = process(c, o, hostname, config); err != nil {
		return nil, err
	}
	if s.Mounts, err = e.mounts(c, o); err != nil {
		return nil, err
	}
	return s, e.isolate(s, o)
}

// process is the program: from the image unless the user says otherwise. A command replaces the image's Cmd and not its Entrypoint
// (image specification, config.md).
func process(c *container, o Options, hostname string, config v1.ImageConfig) (*specs.Process, error) {
	passwd, err1 := overlay.ReadFile(c.Layers, "/etc/passwd", maxAccounts)
	group, err2 := overlay.ReadFile(c.Layers, "/etc/group", maxAccounts)
	for _, err := range []error{err1, err2} {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	name := o.User
	if name == "" {
		name = config.User
	}
	u, home, err := user.Resolve(name, passwd, group)
	if err != nil {
		return nil, err
	}
	p := &specs.Process{Terminal: o.TTY, User: u, Cwd: o.WorkDir, Args: append(append([]string{}, config.Entrypoint...), o.Command...)}
	if len(o.Command) == 0 {
		p.Args = append(p.Args, config.Cmd...)
	}
	if p.Cwd == "" {
		p.Cwd = config.WorkingDir
	}
	p.Cwd = path.Join("/", p.Cwd)
	p.Env = environment(o, config.Env, hostname, home)
	// The Go runtime raised our own limit as far as it may go, which old programs that close every descriptor would not like.
	var open unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &open) == nil {
		p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: min(1024, open.Max), Hard: open.Max}}
	}
	return p, nil
}

// environment is the usual variables, then the image's, then the user's: of several values for a name the last counts.
func environment(o Options, image []string, hostname, home string) []string {
	list := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=" + hostname, "HOME=" + home}
	if o.TTY {
		list = append(list, "TERM=xterm")
	}
	asked := slices.DeleteFunc(slices.Clone(image), func(e string) bool { return !strings.Contains(e, "=") }) // the caller's own are not for an image to ask for
	asked = append(asked, o.Env...)
	for _, e := range asked {
		name, _, has := strings.Cut(e, "=")
		if !has {
			value, set := os.LookupEnv(name)
			if !set {
				continue
			}
			e = name + "=" + value
		}
		replaced := false
		for i, old := range list {
			if strings.HasPrefix(old, name+"=") {
				list[i], replaced = e, true
			}
		}
		if !replaced {
			list = append(list, e)
		}
	}
	return list
}

// period is how often the limit of processor time begins anew, in microseconds.
const period = 100_000

func resources(o Options) *specs.LinuxResources {
	r := &specs.LinuxResources{}
	if o.Memory > 0 {
		// Swap is the sum of both in the specification: as much as the memory means none.
		r.Memory = &specs.LinuxMemory{Limit: &o.Memory, Swap: &o.Memory}
	}
	if o.CPUs > 0 {
		quota, p := int64(o.CPUs*period), uint64(period)
		r.CPU = &specs.LinuxCPU{Quota: &quota, Period: &p}
	}
	if o.Pids > 0 {
		r.Pids = &specs.LinuxPids{Limit: &o.Pids}
	}
	return r
}

// maskedPaths and readOnlyPaths are what Docker hides and protects in /proc and /sys (moby, oci/defaults.go).
var maskedPaths = []string{
	"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/scsi", "/proc/sched_debug",
	"/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware",
}

var readOnlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}

// mounts are the filesystems every container has, its own /etc/hostname, hosts and resolv.conf, and what the user asked for.
func (e *Engine) mounts(c *container, o Options) ([]specs.Mount, error) {
	list := []specs.Mount{
		{Type: "proc", Source: "proc", Destination: "/proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Type: "tmpfs", Source: "tmpfs", Destination: "/dev", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{Type: "devpts", Source: "devpts", Destination: "/dev/pts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
		{Type: "sysfs", Source: "sysfs", Destination: "/sys", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
		{Type: "cgroup", Source: "cgroup", Destination: "/sys/fs/cgroup", Options: []string{"ro", "nosuid", "noexec", "nodev"}},
		{Type: "mqueue", Source: "mqueue", Destination: "/dev/mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
		{Type: "tmpfs", Source: "shm", Destination: "/dev/shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
	}
	if o.Pid == "host" && e.mapping != nil {
		// A new one would need a pid namespace that belongs to our user namespace (pid_namespaces(7), "/proc and PID namespaces").
		list[0] = specs.Mount{Type: "bind", Source: "/proc", Destination: "/proc", Options: []string{"rbind", "rprivate", "nosuid", "noexec", "nodev"}}
	}
	if o.IPC == "host" {
		list = sharedIPC(list)
	}
	for _, name := range etcFiles {
		list = append(list, specs.Mount{Type: "bind", Source: c.path(name), Destination: "/etc/" + name, Options: []string{"bind", "rprivate"}})
	}
	for _, v := range o.Tmpfs {
		dst, options, has := strings.Cut(v, ":")
		if !path.IsAbs(dst) {
			return nil, fmt.Errorf("--tmpfs %q: give an absolute path, as in --tmpfs /run:size=16m", v)
		}
		m := specs.Mount{Type: "tmpfs", Source: "tmpfs", Destination: dst, Options: []string{"nosuid", "nodev", "noexec"}}
		if has && options != "" {
			m.Options = append(m.Options, strings.Split(options, ",")...)
		}
		list = append(list, m)
	}
	for _, v := range o.Volumes {
		m, err := volume(v)
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}

// sharedIPC has the machine's own message queues and shared memory in place of new ones, as far as it has any: they are the files of its IPC namespace.
func sharedIPC(list []specs.Mount) []specs.Mount {
	var shared []specs.Mount
	for _, m := range list {
		if m.Destination == "/dev/mqueue" || m.Destination == "/dev/shm" {
			if _, err := os.Stat(m.Destination); err != nil {
				continue
			}
			m = specs.Mount{Type: "bind", Source: m.Destination, Destination: m.Destination, Options: []string{"rbind", "rprivate", "nosuid", "nodev", "noexec"}}
		}
		shared = append(shared, m)
	}
	return shared
}

// volume reads SRC:DST[:OPTIONS].
func volume(v string) (specs.Mount, error) {
	f := strings.SplitN(v, ":", 3)
	if len(f) < 2 || !path.IsAbs(f[1]) {
		return specs.Mount{}, fmt.Errorf("--volume %q: give SOURCE:DESTINATION[:ro], the destination as an absolute path", v)
	}
	if !strings.HasPrefix(f[0], "/") && !strings.HasPrefix(f[0], ".") {
		return specs.Mount{}, fmt.Errorf("--volume %q: there are no named volumes: begin the source with / or ./ to make it a path", v)
	}
	source, err := filepath.Abs(f[0])
	if err != nil {
		return specs.Mount{}, err
	}
	m := specs.Mount{Type: "bind", Source: source, Destination: f[1], Options: []string{"rbind", "rprivate"}}
	if len(f) < 3 {
		return m, nil
	}
	access := ""
	for _, option := range strings.Split(f[2], ",") {
		switch option {
		case "":
			return specs.Mount{}, fmt.Errorf("--volume %q: there is an empty option", v)
		case "ro", "rw":
			if access != "" && access != option {
				return specs.Mount{}, fmt.Errorf("--volume %q: it can't be both ro and rw", v)
			}
			access = option
		}
		if !mount.OfMount(option) {
			return specs.Mount{}, fmt.Errorf("--volume %q: unknown option %q", v, option) // "r0" must not be taken for a wish to write
		}
		if option == "ro" {
			option = "rro" // with what is mounted below it, as in Docker since version 25
		}
		m.Options = append(m.Options, option)
	}
	return m, nil
}
