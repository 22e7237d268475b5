package doctor

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// asRoot is a machine with which nothing is wrong.
func asRoot() *Facts {
	calls := map[string]unix.Errno{}
	for _, p := range probes {
		calls[p.name] = 0
	}
	f := &Facts{
		Release: "6.8.0-45-generic", Arch: "amd64", User: "root", CapEff: ^uint64(0), Filters: true, Systemd: true,
		Sysctl:  map[string]string{"user.max_user_namespaces": "63432"},
		Trials:  Trials{Calls: calls, Networks: map[string]unix.Errno{}},
		Cgroups: Cgroups{Layout: "v2"},
		Dirs:    []Dir{{Path: "/var/lib", FSType: unix.EXT4_SUPER_MAGIC, Free: 40e9, Tried: true}},
		Tools:   map[string]string{"go": "/usr/local/go/bin/go", "git": "/usr/bin/git", "unshare": "/usr/bin/unshare"},
	}
	for _, name := range controllers {
		f.Cgroups.Controllers = append(f.Cgroups.Controllers, Controller{Name: name, Version: 2, Dir: "/sys/fs/cgroup"})
	}
	return f
}

// asOrdinaryUser is the same machine, set up for containers of ann.
func asOrdinaryUser() *Facts {
	f := asRoot()
	f.User, f.UID, f.CapEff = "ann", 1000, 0
	f.SubUID = []IDRange{{"bob", 100000, 65536}, {"ann", 165536, 65536}}
	f.SubGID = []IDRange{{"ann", 100000, 65536}}
	f.MapTools = map[string]MapTool{"newuidmap": {"/usr/bin/newuidmap", true}, "newgidmap": {"/usr/bin/newgidmap", true}}
	f.Dirs[0].Path = "/home/ann"
	for i := range f.Cgroups.Controllers {
		f.Cgroups.Controllers[i].Dir = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice"
	}
	return f
}

// refuseUserNS is what an ordinary user meets where user namespaces can't be made.
func refuseUserNS(f *Facts, e unix.Errno) {
	f.UserNS, f.Trials = e, Trials{Clone: e}
	for i := range f.Dirs {
		f.Dirs[i].Tried = false
	}
}

// inDocker is root in a container that was given nothing.
func inDocker() *Facts {
	f := asRoot()
	f.Container, f.CapEff, f.Filtered, f.AppArmor = "docker", 0xa80425fb, true, "docker-default (enforce)"
	f.Systemd = false
	refuseUserNS(f, unix.EPERM)
	f.Dirs[0].FSType = unix.OVERLAYFS_SUPER_MAGIC
	for i := range f.Cgroups.Controllers {
		f.Cgroups.Controllers[i].Write = unix.EROFS
	}
	return f
}

func TestNothingWrong(t *testing.T) {
	for name, f := range map[string]*Facts{"root": asRoot(), "ordinary user": asOrdinaryUser()} {
		for _, finding := range Diagnose(f) {
			if finding.Status != OK || finding.Why != "" || finding.Fixes != nil {
				t.Errorf("%s: %+v", name, finding)
			}
		}
	}
}

// Each cause is named, with a way out, in a line of its own, and grades the steps it affects and no others.
func TestDiagnose(t *testing.T) {
	for _, test := range []struct {
		name   string
		base   func() *Facts
		change func(*Facts)
		line   string
		status Status
		words  []string // each is in the finding's texts or commands
		first  string   // the first step affected; "" for none
	}{
		{
			"old kernel", asRoot, func(f *Facts) { f.Release = "5.4.0-200-generic" },
			"kernel", Limited, []string{"5.15", "2022"}, "01-uts",
		},
		{
			"kernel just too old", asRoot, func(f *Facts) { f.Release = "5.14.0-503.el9.x86_64" },
			"kernel", Limited, []string{"5.15"}, "01-uts",
		},
		{
			"Windows without a Linux kernel", asRoot, func(f *Facts) { f.Release = "4.4.0-19041-Microsoft" },
			"kernel", Missing, []string{"WSL 1", "wsl --set-version"}, "01-uts",
		},
		{
			"architecture", asRoot, func(f *Facts) { f.Arch = "riscv64" },
			"kernel", Limited, []string{"riscv64", "arm64"}, "06-images",
		},
		{
			"root in a Docker container", inDocker, func(f *Facts) {},
			"privilege", Missing, []string{"CAP_SYS_ADMIN", "docker run --privileged"}, "01-uts",
		},
		{
			"root that could make user namespaces", asRoot, func(f *Facts) { f.CapEff = 0xa80425fb },
			"privilege", Limited, []string{"CAP_SYS_ADMIN", "unshare -Ur"}, "01-uts",
		},
		{
			"user namespaces in a Docker container", inDocker, func(f *Facts) {},
			"user namespaces", Missing, []string{"EPERM", "seccomp filter", "docker-default"}, "01-uts",
		},
		{
			"cgroups in a Docker container", inDocker, func(f *Facts) {},
			"limits: memory, cpu, pids", Limited, []string{"read-only", "--privileged"}, "04-cgroups",
		},
		{
			"namespaces for root not in the kernel", asRoot, func(f *Facts) { f.Trials = Trials{Clone: unix.EINVAL} },
			"namespaces", Missing, []string{"EINVAL", "built without"}, "01-uts",
		},
		{
			"namespaces for root refused", asRoot, func(f *Facts) { f.Trials, f.Filtered = Trials{Clone: unix.EPERM}, true },
			"namespaces", Missing, []string{"EPERM", "seccomp"}, "01-uts",
		},
		{
			"user namespaces not in the kernel", asOrdinaryUser, func(f *Facts) { refuseUserNS(f, unix.EINVAL) },
			"user namespaces", Missing, []string{"EINVAL", "built without"}, "01-uts",
		},
		{
			"no user namespaces for anybody", asOrdinaryUser, func(f *Facts) {
				refuseUserNS(f, unix.ENOSPC)
				f.Sysctl["user.max_user_namespaces"] = "0"
			},
			"user namespaces", Missing, []string{"user.max_user_namespaces is 0", "sysctl -w user.max_user_namespaces=15000", "as root"}, "01-uts",
		},
		{
			"no user namespaces for anybody, as root", asRoot, func(f *Facts) {
				f.UserNS = unix.ENOSPC
				f.Sysctl["user.max_user_namespaces"] = "0"
			},
			"user namespaces", Limited, []string{"user.max_user_namespaces is 0", "As root you can do without"}, "",
		},
		{
			"Debian's switch", asOrdinaryUser, func(f *Facts) {
				refuseUserNS(f, unix.EPERM)
				f.Sysctl["kernel.unprivileged_userns_clone"] = "0"
			},
			"user namespaces", Missing, []string{"EPERM", "sysctl -w kernel.unprivileged_userns_clone=1"}, "01-uts",
		},
		{
			"Ubuntu's restriction, at the mapping", asOrdinaryUser, func(f *Facts) {
				refuseUserNS(f, unix.EACCES)
				f.Sysctl["kernel.apparmor_restrict_unprivileged_userns"] = "1"
			},
			"user namespaces", Missing, []string{"EACCES", "AppArmor", "kernel.apparmor_restrict_unprivileged_userns=0", "userns,"}, "01-uts",
		},
		{
			"Ubuntu's restriction, at the first use", asOrdinaryUser, func(f *Facts) {
				f.Trials.Hostname, f.Trials.Private = unix.EPERM, unix.EACCES
				f.Sysctl["kernel.apparmor_restrict_unprivileged_userns"] = "1"
			},
			"user namespaces", Missing, []string{"give no capability", "EPERM", "AppArmor"}, "01-uts",
		},
		{
			"chroot", asOrdinaryUser, func(f *Facts) { refuseUserNS(f, unix.EPERM); f.Chrooted = true },
			"user namespaces", Missing, []string{"chroot"}, "01-uts",
		},
		{
			"too many user namespaces", asOrdinaryUser, func(f *Facts) { refuseUserNS(f, unix.ENOSPC) },
			"user namespaces", Missing, []string{"ENOSPC", "limit"}, "01-uts",
		},
		{
			"user namespaces refused by we don't know what", asOrdinaryUser, func(f *Facts) { refuseUserNS(f, unix.EPERM) },
			"user namespaces", Missing, []string{"Something", "on the machine itself"}, "01-uts",
		},
		{
			"no newuidmap", asOrdinaryUser, func(f *Facts) { delete(f.MapTools, "newuidmap"); delete(f.MapTools, "newgidmap") },
			"subordinate ids", Limited, []string{"newuidmap is not in PATH; newgidmap", "uidmap"}, "06-images",
		},
		{
			"newgidmap without privilege", asOrdinaryUser, func(f *Facts) { f.MapTools["newgidmap"] = MapTool{"/opt/newgidmap", false} },
			"subordinate ids", Limited, []string{"set-user-ID", "chmod u+s /opt/newgidmap"}, "06-images",
		},
		{
			"no subordinate ids", asOrdinaryUser, func(f *Facts) { f.SubUID = f.SubUID[:1] },
			"subordinate ids", Limited, []string{"/etc/subuid has no line for ann", "usermod --add-subuids 165536-231071 ann"}, "06-images",
		},
		{
			"few subordinate ids", asOrdinaryUser, func(f *Facts) { f.SubGID[0].Count = 1000 },
			"subordinate ids", Limited, []string{"/etc/subgid has only 1000 of 65536", "--add-subgids"}, "06-images",
		},
		{
			"subordinate ids by number", asOrdinaryUser, func(f *Facts) { f.SubUID[1].Owner = "1000" },
			"subordinate ids", OK, nil, "",
		},
		{
			"shared subordinate ids", asOrdinaryUser, func(f *Facts) { f.SubUID[1].Start = 165535 },
			"subordinate ids", Limited, []string{"the same ids to bob", "ann or bob other numbers in /etc/subuid"}, "06-images",
		},
		{
			"mounts refused", asRoot, func(f *Facts) {
				f.Container, f.AppArmor = "podman", "containers-default (enforce)"
				f.Trials = Trials{Private: unix.EACCES}
			},
			"mounts", Missing, []string{"EACCES", "containers-default", "podman run --privileged"}, "03-mount",
		},
		{
			"tmpfs refused", asRoot, func(f *Facts) { f.Trials.Tmpfs = unix.EPERM },
			"mounts", Missing, []string{"tmpfs", "EPERM"}, "03-mount",
		},
		{
			"a covered proc", asOrdinaryUser, func(f *Facts) { f.Container, f.Trials.Proc = "docker", unix.EPERM },
			"mounts", Missing, []string{"covered", "systempaths=unconfined"}, "03-mount",
		},
		{
			"calls too new for the kernel", asRoot, func(f *Facts) { f.Trials.Calls["mount_setattr"] = unix.ENOSYS },
			"system calls", Missing, []string{"mount_setattr", "ENOSYS", "too old"}, "03-mount",
		},
		{
			"calls filtered", asRoot, func(f *Facts) { f.Trials.Calls["openat2"], f.Filtered = unix.EPERM, true },
			"system calls", Missing, []string{"openat2", "EPERM", "seccomp filter"}, "03-mount",
		},
		{
			"no cgroups", asRoot, func(f *Facts) { f.Cgroups = Cgroups{Layout: "none"} },
			"cgroups", Limited, []string{"mount -t cgroup2"}, "04-cgroups",
		},
		{
			"memory controller off, as on a Raspberry Pi", asRoot, func(f *Facts) {
				f.Cgroups.Controllers[0] = Controller{Name: "memory", Disabled: true}
			},
			"limits: memory", Limited, []string{"cgroup_enable=memory"}, "04-cgroups",
		},
		{
			"controller not built", asRoot, func(f *Facts) { f.Cgroups.Controllers[2] = Controller{Name: "pids"} },
			"limits: pids", Limited, []string{"in no hierarchy"}, "04-cgroups",
		},
		{
			"processes in the cgroup of a container", asRoot, func(f *Facts) { f.Cgroups.Controllers[1].Busy = true },
			"limits: cpu", Limited, []string{"internal processes"}, "04-cgroups",
		},
		{
			"no delegation with systemd", asOrdinaryUser, func(f *Facts) { f.Cgroups.Controllers[0].Write = unix.EACCES },
			"limits: memory", Limited, []string{"delegated", "systemd-run --user --scope -q -p Delegate=yes"}, "04-cgroups",
		},
		{
			"no delegation without systemd", asOrdinaryUser, func(f *Facts) { f.Systemd, f.Cgroups.Controllers[0].Write = false, unix.EACCES },
			"limits: memory", Limited, []string{"mkdir -p ann/shell", "chown ann ann ann/cgroup.procs"}, "04-cgroups",
		},
		{
			"no delegation with v1", asOrdinaryUser, func(f *Facts) {
				f.Cgroups.Controllers[0].Version, f.Cgroups.Controllers[0].Write = 1, unix.EACCES
			},
			"limits: memory", Limited, []string{"only root", "systemd.unified_cgroup_hierarchy=1"}, "04-cgroups",
		},
		{
			"cpu not delegated", asOrdinaryUser, func(f *Facts) { f.Cgroups.Controllers[1].Withheld = true },
			"limits: cpu", Limited, []string{"yours, but", "user@.service.d", "Delegate=cpu"}, "04-cgroups",
		},
		{
			"cpu not handed to a container", asRoot, func(f *Facts) { f.Cgroups.Controllers[1].Withheld = true },
			"limits: cpu", Limited, []string{"at the top"}, "04-cgroups",
		},
		{
			"directory can't be written", asRoot, func(f *Facts) { f.Dirs[0].Create, f.Dirs[0].Tried = unix.EROFS, false },
			"overlay", Missing, []string{"EROFS", "/var/lib", "--root"}, "05-overlay",
		},
		{
			"no overlayfs", asRoot, func(f *Facts) { f.Dirs[0].Overlay = unix.ENODEV },
			"overlay", Missing, []string{"modprobe overlay"}, "05-overlay",
		},
		{
			"overlay on an overlay", asRoot, func(f *Facts) {
				f.Dirs[0].FSType, f.Dirs[0].Overlay = unix.OVERLAYFS_SUPER_MAGIC, unix.EINVAL
			},
			"overlay", Missing, []string{"EINVAL", "another overlay", "ext4"}, "05-overlay",
		},
		{
			"overlay on an old tmpfs", asOrdinaryUser, func(f *Facts) { f.Dirs[0].FSType, f.Dirs[0].Overlay = unix.TMPFS_MAGIC, unix.EIO },
			"overlay", Missing, []string{"EIO", "6.6"}, "05-overlay",
		},
		{
			"overlay on a drive of Windows", asRoot, func(f *Facts) { f.Dirs[0].FSType, f.Dirs[0].Overlay = unix.V9FS_MAGIC, unix.EINVAL },
			"overlay", Missing, []string{"9p", "Windows"}, "05-overlay",
		},
		{
			"overlay not for ordinary users", asOrdinaryUser, func(f *Facts) { f.Dirs[0].Overlay = unix.EPERM },
			"overlay", Missing, []string{"EPERM", "5.11"}, "05-overlay",
		},
		{
			"overlay on we don't know what", asRoot, func(f *Facts) { f.Dirs[0].FSType, f.Dirs[0].Overlay = 0x1234, unix.EINVAL },
			"overlay", Missing, []string{"0x1234", "Something"}, "05-overlay",
		},
		{
			"no programs", asRoot, func(f *Facts) { f.Dirs[0].NoExec = true },
			"overlay", Limited, []string{"noexec"}, "03-mount",
		},
		{
			"no room", asRoot, func(f *Facts) { f.Dirs[0].Free = 100e6 },
			"overlay", Limited, []string{"0.1 GB"}, "05-overlay",
		},
		{
			"no bridge and no firewall", asRoot, func(f *Facts) {
				f.Trials.Networks["a bridge"], f.Trials.Networks["a table of nf_tables"] = unix.EOPNOTSUPP, unix.EPROTONOSUPPORT
			},
			"networks", Limited, []string{"a bridge: operation not supported (ENOTSUP), a table of nf_tables: protocol not supported", "modprobe -a bridge"}, "07-network",
		},
		{
			"no filters", asRoot, func(f *Facts) { f.Filters = false },
			"seccomp", Limited, []string{"what step 09 ends with"}, "09-security",
		},
		{
			"no go", asRoot, func(f *Facts) { f.Tools["go"] = "" },
			"go", Missing, []string{"not in PATH"}, "01-uts",
		},
		{
			"no git", asRoot, func(f *Facts) { f.Tools["git"] = "" },
			"git", Limited, []string{"not in PATH"}, "",
		},
		{
			"no unshare", asOrdinaryUser, func(f *Facts) { f.Tools["unshare"] = "" },
			"unshare", Missing, []string{"util-linux"}, "01-uts",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := test.base()
			test.change(f)
			all := Diagnose(f)
			i := slices.IndexFunc(all, func(finding Finding) bool { return finding.Name == test.line && finding.Status == test.status })
			if i < 0 {
				t.Fatalf("no line %q with status %d in %+v", test.line, test.status, all)
			}
			got := all[i]
			texts := got.Found + "\n" + got.Why + "\n"
			for _, fix := range got.Fixes {
				texts += fix.Text + "\n" + fix.Command + "\n"
			}
			for _, word := range test.words {
				if !strings.Contains(texts, word) {
					t.Errorf("%q is not in:\n%s", word, texts)
				}
			}
			if got.Status != OK && got.Why == "" {
				t.Error("no why")
			}
			first := ""
			if len(got.Steps) > 0 {
				first = got.Steps[0]
			}
			if first != test.first {
				t.Errorf("affects %q first, want %q", first, test.first)
			}
			for _, step := range got.Steps {
				if ready := Ready(all)[step]; ready < got.Status {
					t.Errorf("%s is graded %d in spite of %+v", step, ready, got)
				}
			}
		})
	}
}

// A cause that has a line of its own isn't told again by what it makes fail.
func TestOneCauseOneLine(t *testing.T) {
	f := asOrdinaryUser()
	refuseUserNS(f, unix.EPERM)
	f.Sysctl["kernel.unprivileged_userns_clone"] = "0"
	for _, finding := range Diagnose(f) {
		if finding.Status != OK && finding.Name != "user namespaces" {
			t.Errorf("also: %+v", finding)
		}
	}
}
