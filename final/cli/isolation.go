package cli

import "github.com/spf13/pflag"

// isolation are the flags about what a container shares with the machine and what it may do. They have Docker's names.
func (f *runFlags) isolation(flags *pflag.FlagSet) {
	flags.StringVar(&f.Pid, "pid", "", "share processes: `host` or container:NAME")
	flags.StringVar(&f.IPC, "ipc", "", "share System V and POSIX IPC: `host` or container:NAME")
	flags.StringVar(&f.UTS, "uts", "", "share the host name: `host` or container:NAME")
	flags.StringVar(&f.Userns, "userns", "", "share the user namespace: `host` or container:NAME")
	flags.StringVar(&f.Cgroupns, "cgroupns", "", "share the view of cgroups: `host` or container:NAME")
	flags.StringArrayVar(&f.CapAdd, "cap-add", nil, "add a `capability`, such as NET_ADMIN, or ALL")
	flags.StringArrayVar(&f.CapDrop, "cap-drop", nil, "take a `capability` away, or ALL")
	flags.StringArrayVar(&f.SecurityOpt, "security-opt", nil, "an `option`: seccomp=unconfined or seccomp=FILE, no-new-privileges=false, systempaths=unconfined, apparmor=PROFILE")
	flags.StringArrayVar(&f.Devices, "device", nil, "give it a device: `DEVICE[:PLACE[:rwm]]`")
	flags.StringArrayVar(&f.Ulimits, "ulimit", nil, "set a limit of getrlimit(2): `NAME=SOFT[:HARD]`")
	flags.StringArrayVar(&f.Sysctls, "sysctl", nil, "set a parameter of the kernel that is the container's own: `NAME=VALUE`")
	flags.BoolVar(&f.Privileged, "privileged", false, "let it do what root of the machine may: no container to run strangers' programs in")
	flags.BoolVar(&f.Init, "init", false, "run a small init as process 1, which reaps orphans and passes on signals")
}
