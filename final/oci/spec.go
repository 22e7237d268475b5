package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/spf13/cobra"
)

func specCommand(*global) *cobra.Command {
	bundle, rootless := ".", false
	c := &cobra.Command{
		Use:   "spec",
		Short: "Write a config.json to begin with",
		Long: `Write a config.json to begin with: a shell at a terminal, in a root filesystem "rootfs" beside it. What is in there is runc's choice, so that
both can be compared.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			s := example()
			if rootless {
				makeRootless(s)
			}
			b, err := json.MarshalIndent(s, "", "\t")
			if err != nil {
				return err
			}
			f, err := os.OpenFile(filepath.Join(bundle, "config.json"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
			if err != nil {
				return fmt.Errorf("writing the configuration: %w", err)
			}
			if _, err := f.Write(append(b, '\n')); err != nil {
				f.Close()
				return fmt.Errorf("writing the configuration: %w", err)
			}
			return f.Close()
		},
	}
	c.Flags().StringVarP(&bundle, "bundle", "b", bundle, "`directory` to write it to")
	c.Flags().BoolVar(&rootless, "rootless", false, "for an ordinary user")
	return c
}

func example() *specs.Spec {
	few := []string{"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"}
	s := &specs.Spec{
		Version:  specs.Version,
		Root:     &specs.Root{Path: "rootfs", Readonly: true},
		Hostname: "stave",
		Process: &specs.Process{
			Terminal: true, Cwd: "/", Args: []string{"sh"}, NoNewPrivileges: true,
			Env:          []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"},
			Capabilities: &specs.LinuxCapabilities{Bounding: few, Permitted: few, Effective: few},
			Rlimits:      []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 1024, Soft: 1024}},
		},
		Linux: &specs.Linux{
			Resources:     &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}},
			ReadonlyPaths: []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
			MaskedPaths: []string{"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
				"/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"},
		},
	}
	for _, m := range [][4]string{
		{"/proc", "proc", "proc", ""},
		{"/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"},
		{"/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"},
		{"/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=65536k"},
		{"/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"},
		{"/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"},
		{"/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,relatime,ro"},
	} {
		mount := specs.Mount{Destination: m[0], Type: m[1], Source: m[2]}
		if m[3] != "" {
			mount.Options = strings.Split(m[3], ",")
		}
		s.Mounts = append(s.Mounts, mount)
	}
	for _, t := range []specs.LinuxNamespaceType{specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace,
		specs.MountNamespace, specs.CgroupNamespace} {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: t})
	}
	return s
}

// makeRootless leaves out what takes root of the machine, and adds a user namespace in which the caller is root.
func makeRootless(s *specs.Spec) {
	l := s.Linux
	for i, n := range l.Namespaces {
		if n.Type == specs.NetworkNamespace {
			l.Namespaces[i].Type = specs.UserNamespace // the network is the host's, or there would be none
		}
	}
	l.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: uint32(os.Geteuid()), Size: 1}}
	l.GIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: uint32(os.Getegid()), Size: 1}}
	l.Resources = nil
	for i, m := range s.Mounts {
		if m.Destination == "/sys" { // a sysfs can be mounted only by who owns the network namespace
			s.Mounts[i] = specs.Mount{Destination: "/sys", Type: "none", Source: "/sys", Options: []string{"rbind", "nosuid", "noexec", "nodev", "ro"}}
		}
		s.Mounts[i].Options = slices.DeleteFunc(s.Mounts[i].Options, func(o string) bool { return strings.HasPrefix(o, "gid=") })
	}
}
