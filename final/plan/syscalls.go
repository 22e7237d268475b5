package plan

import "golang.org/x/sys/unix"

// syscalls are the calls that a plan may use: exactly those that some mechanism needs. Each exists on amd64 and arm64. They are no map, since one would have to be made at each start.
var syscalls = [...]struct {
	name string
	nr   uintptr
}{
	{"bpf", unix.SYS_BPF},
	{"capset", unix.SYS_CAPSET},
	{"chdir", unix.SYS_CHDIR},
	{"chroot", unix.SYS_CHROOT},
	{"clone", unix.SYS_CLONE},
	{"clone3", unix.SYS_CLONE3},
	{"close", unix.SYS_CLOSE},
	{"close_range", unix.SYS_CLOSE_RANGE},
	{"dup3", unix.SYS_DUP3},
	{"execve", unix.SYS_EXECVE},
	{"exit_group", unix.SYS_EXIT_GROUP},
	{"faccessat2", unix.SYS_FACCESSAT2},
	{"fchdir", unix.SYS_FCHDIR},
	{"fchownat", unix.SYS_FCHOWNAT},
	{"fcntl", unix.SYS_FCNTL},
	{"fsconfig", unix.SYS_FSCONFIG},
	{"fsmount", unix.SYS_FSMOUNT},
	{"fsopen", unix.SYS_FSOPEN},
	{"ioctl", unix.SYS_IOCTL},
	{"ioprio_set", unix.SYS_IOPRIO_SET},
	{"keyctl", unix.SYS_KEYCTL},
	{"lsm_set_self_attr", unix.SYS_LSM_SET_SELF_ATTR},
	{"memfd_create", unix.SYS_MEMFD_CREATE},
	{"mkdirat", unix.SYS_MKDIRAT},
	{"mknodat", unix.SYS_MKNODAT},
	{"mmap", unix.SYS_MMAP},
	{"mount", unix.SYS_MOUNT},
	{"mount_setattr", unix.SYS_MOUNT_SETATTR},
	{"move_mount", unix.SYS_MOVE_MOUNT},
	{"open_tree", unix.SYS_OPEN_TREE},
	{"openat", unix.SYS_OPENAT},
	{"openat2", unix.SYS_OPENAT2},
	{"personality", unix.SYS_PERSONALITY},
	{"pidfd_getfd", unix.SYS_PIDFD_GETFD},
	{"pidfd_open", unix.SYS_PIDFD_OPEN},
	{"pidfd_send_signal", unix.SYS_PIDFD_SEND_SIGNAL},
	{"pivot_root", unix.SYS_PIVOT_ROOT},
	{"prctl", unix.SYS_PRCTL},
	{"prlimit64", unix.SYS_PRLIMIT64},
	{"read", unix.SYS_READ},
	{"sched_setaffinity", unix.SYS_SCHED_SETAFFINITY},
	{"sched_setattr", unix.SYS_SCHED_SETATTR},
	{"seccomp", unix.SYS_SECCOMP},
	{"sendfile", unix.SYS_SENDFILE},
	{"setdomainname", unix.SYS_SETDOMAINNAME},
	{"setgroups", unix.SYS_SETGROUPS},
	{"sethostname", unix.SYS_SETHOSTNAME},
	{"setns", unix.SYS_SETNS},
	{"setresgid", unix.SYS_SETRESGID},
	{"setresuid", unix.SYS_SETRESUID},
	{"setsid", unix.SYS_SETSID},
	{"socket", unix.SYS_SOCKET},
	{"symlinkat", unix.SYS_SYMLINKAT},
	{"umask", unix.SYS_UMASK},
	{"umount2", unix.SYS_UMOUNT2},
	{"unshare", unix.SYS_UNSHARE},
	{"write", unix.SYS_WRITE},
}

// syscallNumber is a call's number, and whether there is such a call.
func syscallNumber(name string) (uintptr, bool) {
	for i := range syscalls {
		if syscalls[i].name == name {
			return syscalls[i].nr, true
		}
	}
	return 0, false
}
