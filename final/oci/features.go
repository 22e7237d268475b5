package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-spec/specs-go/features"
	"github.com/spf13/cobra"

	"stave/final/namespace"
	"stave/final/security"
)

func featuresCommand(*global) *cobra.Command {
	return &cobra.Command{
		Use:   "features",
		Short: "Print as JSON what this runtime can do",
		Long:  "Print as JSON what this runtime can do (features.md of the OCI runtime specification), whether or not this machine can.",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			e := json.NewEncoder(os.Stdout)
			e.SetIndent("", "    ")
			return e.Encode(supported())
		},
	}
}

func supported() features.Features {
	yes, no := true, false
	var namespaces []string
	for _, t := range namespace.Types() {
		namespaces = append(namespaces, string(t))
	}
	slices.Sort(namespaces)
	flags := []string{"SECCOMP_FILTER_FLAG_TSYNC", string(specs.LinuxSeccompFlagSpecAllow), string(specs.LinuxSeccompFlagLog), string(specs.LinuxSeccompFlagWaitKillableRecv)}
	return features.Features{
		OCIVersionMin: "1.0.0",
		OCIVersionMax: specs.Version,
		Hooks:         []string{"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"},
		MountOptions:  mountOptions(),
		Linux: &features.Linux{
			Namespaces:   namespaces,
			Capabilities: security.AllCapabilities(),
			Cgroup:       &features.Cgroup{V1: &yes, V2: &yes, Systemd: &yes, SystemdUser: &yes, Rdma: &yes},
			Seccomp: &features.Seccomp{
				Enabled: &yes, KnownFlags: flags, SupportedFlags: flags,
				Actions: []string{"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG",
					"SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP"},
				Operators: []string{"SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE"},
				Archs:     []string{"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", "SCMP_ARCH_X32", "SCMP_ARCH_X86", "SCMP_ARCH_X86_64"},
			},
			Apparmor: &features.Apparmor{Enabled: &yes}, Selinux: &features.Selinux{Enabled: &yes}, IntelRdt: &features.IntelRdt{Enabled: &no},
			NetDevices:      &features.NetDevices{Enabled: &no},
			MountExtensions: &features.MountExtensions{IDMap: &features.IDMap{Enabled: &yes}},
		},
		Annotations: map[string]string{"org.opencontainers.runc.checkpoint.enabled": "false"},
	}
}

// mountOptions are those of config.md ("Linux mount options") that are understood, which is all but the POSIX ACLs that every filesystem has by itself.
func mountOptions() []string {
	list := strings.Fields("async bind defaults dirsync idmap iversion lazytime loud mand noiversion nolazytime nomand rbind remount ridmap silent sync tmpcopyup")
	for _, o := range strings.Fields("atime dev diratime exec noatime nodev nodiratime noexec norelatime nostrictatime nosuid nosymfollow relatime ro rw strictatime suid symfollow private shared slave unbindable") {
		list = append(list, o, "r"+o)
	}
	slices.Sort(list)
	return list
}
