package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// security is what the program may not do, root or not. It has fewer capabilities, see capabilities(7), and a filter
// refuses system calls, see seccomp(2).
type security struct {
	Add, Drop, Options []string
	Kept               []string          // capabilities
	Filter             []unix.SockFilter // empty is none
	NoNewPrivileges    bool
}

func (s *security) flags(run *cobra.Command) {
	run.Flags().StringSliceVar(&s.Add, "cap-add", nil, "leave this `capability`, too, or ALL of them (repeatable)")
	run.Flags().StringSliceVar(&s.Drop, "cap-drop", nil, "take this `capability` away, too, or ALL of them (repeatable)")
	run.Flags().StringArrayVar(&s.Options, "security-opt", nil, "`option`: seccomp=FILE, seccomp=unconfined, no-new-privileges (repeatable)")
}

// capabilities in the order of their numbers, and those that Docker leaves to a container's root.
var (
	capabilities = strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
		NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT
		SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP
		MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`)
	usual = strings.Fields(`CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW SYS_CHROOT MKNOD
		AUDIT_WRITE SETFCAP`)
)

// parent understands the flags, while the host's files are still there.
func (s *security) parent() error {
	for _, list := range [][]string{s.Add, s.Drop} {
		for i, name := range list {
			list[i] = strings.TrimPrefix(strings.ToUpper(name), "CAP_")
			if list[i] != "ALL" && !slices.Contains(capabilities, list[i]) {
				return fmt.Errorf("there is no capability %s: capabilities(7) has the list", name)
			}
		}
	}
	all, none := slices.Contains(s.Add, "ALL"), slices.Contains(s.Drop, "ALL")
	for _, name := range capabilities {
		kept := all || !none && slices.Contains(usual, name)
		if kept && !slices.Contains(s.Drop, name) || slices.Contains(s.Add, name) {
			s.Kept = append(s.Kept, name)
		}
	}
	text := []byte(standard)
	for _, option := range s.Options {
		switch name, file, _ := strings.Cut(option, "="); {
		case option == "no-new-privileges":
			s.NoNewPrivileges = true
		case option == "seccomp=unconfined":
			text = nil
		case name == "seccomp":
			var err error
			if text, err = os.ReadFile(file); err != nil {
				return err
			}
		default:
			return fmt.Errorf("--security-opt %s: no such option", option)
		}
	}
	if text == nil {
		return nil
	}
	return s.filter(text)
}

// standard is what is refused unless another profile is given. It is mostly what root of a user namespace could do, and a
// container has no use for. The answers are EACCES (13) where a capability would open the way, and ENOSYS (38), "there is
// no such call", where programs know what to do without it: instead of clone3 they make the older clone.
const standard = `{
	"defaultAction": "SCMP_ACT_ALLOW",
	"syscalls": [
		{
			"names": ["mount", "umount2", "pivot_root", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick",
				"mount_setattr", "setns", "unshare"],
			"action": "SCMP_ACT_ERRNO", "errnoRet": 13, "excludes": {"caps": ["CAP_SYS_ADMIN"]}
		},
		{
			"names": ["ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd"],
			"action": "SCMP_ACT_ERRNO", "errnoRet": 38, "excludes": {"caps": ["CAP_SYS_PTRACE"]}
		},
		{
			"names": ["clone3", "bpf", "perf_event_open", "io_uring_setup", "keyctl", "add_key", "request_key", "userfaultfd"],
			"action": "SCMP_ACT_ERRNO", "errnoRet": 38
		}
	]
}`

// calls that a profile can name, by their numbers, which are others on amd64 than on arm64.
var calls = map[string]uint32{
	"mount": unix.SYS_MOUNT, "umount2": unix.SYS_UMOUNT2, "pivot_root": unix.SYS_PIVOT_ROOT, "move_mount": unix.SYS_MOVE_MOUNT,
	"open_tree": unix.SYS_OPEN_TREE, "fsopen": unix.SYS_FSOPEN, "fsconfig": unix.SYS_FSCONFIG, "fsmount": unix.SYS_FSMOUNT,
	"fspick": unix.SYS_FSPICK, "mount_setattr": unix.SYS_MOUNT_SETATTR, "setns": unix.SYS_SETNS, "unshare": unix.SYS_UNSHARE,
	"ptrace": unix.SYS_PTRACE, "process_vm_readv": unix.SYS_PROCESS_VM_READV, "process_vm_writev": unix.SYS_PROCESS_VM_WRITEV,
	"pidfd_getfd": unix.SYS_PIDFD_GETFD, "clone3": unix.SYS_CLONE3, "bpf": unix.SYS_BPF, "perf_event_open": unix.SYS_PERF_EVENT_OPEN,
	"io_uring_setup": unix.SYS_IO_URING_SETUP, "keyctl": unix.SYS_KEYCTL, "add_key": unix.SYS_ADD_KEY,
	"request_key": unix.SYS_REQUEST_KEY, "userfaultfd": unix.SYS_USERFAULTFD, "chroot": unix.SYS_CHROOT, "reboot": unix.SYS_REBOOT,
	"sethostname": unix.SYS_SETHOSTNAME, "mkdirat": unix.SYS_MKDIRAT, "fchmodat": unix.SYS_FCHMODAT, "socket": unix.SYS_SOCKET,
}

// filter translates a profile, in Docker's form, into a program for the small machine in the kernel that runs one at each
// system call. It can load 32 bits of what the call is, compare them, jump forward, and answer: classic BPF, see seccomp(2).
func (s *security) filter(text []byte) error {
	var profile struct {
		DefaultAction string
		Syscalls      []struct {
			Names    []string
			Action   string
			ErrnoRet uint16
			Excludes struct{ Caps []string } // the rule isn't for who has one of them
		}
	}
	if err := json.Unmarshal(text, &profile); err != nil {
		return fmt.Errorf("reading the seccomp profile: %w", err)
	}
	if profile.DefaultAction != "SCMP_ACT_ALLOW" {
		return fmt.Errorf("the seccomp profile has the defaultAction %q: all we know is SCMP_ACT_ALLOW", profile.DefaultAction)
	}
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	answer := func(a uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: a} }
	const number, architecture = 0, 4 // where they are in struct seccomp_data
	native := map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}[runtime.GOARCH]
	s.Filter = []unix.SockFilter{
		load(architecture), // 32-bit programs, for one, call by other numbers, and anybody may
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: native, Jt: 1},
		answer(unix.SECCOMP_RET_KILL_PROCESS),
		load(number),
		{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: 1 << 30, Jf: 1}, // amd64's third set of numbers, x32
		answer(unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)),
	}
	for _, rule := range profile.Syscalls {
		actions := map[string]uint32{
			"SCMP_ACT_ALLOW":        unix.SECCOMP_RET_ALLOW,
			"SCMP_ACT_ERRNO":        unix.SECCOMP_RET_ERRNO | uint32(cmp.Or(rule.ErrnoRet, uint16(unix.EPERM))),
			"SCMP_ACT_KILL_PROCESS": unix.SECCOMP_RET_TRAP,
		}
		action, known := actions[rule.Action]
		if !known {
			return fmt.Errorf("the seccomp profile has a rule with the action %q, which we don't know", rule.Action)
		}
		if slices.ContainsFunc(rule.Excludes.Caps, func(name string) bool { return slices.Contains(s.Kept, strings.TrimPrefix(name, "CAP_")) }) {
			continue
		}
		for _, name := range rule.Names {
			if calls[name] == 0 {
				return fmt.Errorf("the seccomp profile names %s: we don't know that call's number", name)
			}
			s.Filter = append(s.Filter, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: calls[name], Jf: 1},
				answer(action))
		}
	}
	s.Filter = append(s.Filter, answer(unix.SECCOMP_RET_ALLOW))
	return nil
}

// child takes all this away, as the last thing of all. It is the thread's, which starts the program, and that inherits it.
func (s *security) child() error {
	runtime.LockOSThread()
	for number, name := range capabilities { // what isn't in the bounding set, nobody gets at execve(2), not even root
		if slices.Contains(s.Kept, name) {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(number), 0, 0, 0); err != nil && err != unix.EINVAL { // an older kernel has fewer
			return fmt.Errorf("dropping the capability %s: %w", name, err)
		}
	}
	if err := inheritNothing(); err != nil { // inheritable ones pass the bounding set by: CVE-2022-24769
		return err
	}
	if s.NoNewPrivileges {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("setting no_new_privs: %w", err)
		}
	}
	if len(s.Filter) == 0 {
		return nil
	}
	program := &unix.SockFprog{Len: uint16(len(s.Filter)), Filter: &s.Filter[0]}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(program))); errno != 0 {
		return fmt.Errorf("installing the seccomp filter: %w", errno)
	}
	return nil
}
