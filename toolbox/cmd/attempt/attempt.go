// Package attempt makes system calls and says what the kernel answers, to meet capabilities(7) and seccomp(2) on purpose.
//
// Synopsis:
//
//	attempt [CALL…]
//
// Without a CALL it makes all that it knows. Each gets arguments with which it can do nothing: where a call is allowed, the
// kernel finds fault with these, most often by EINVAL, EFAULT or EBADF. So reboot doesn't, whoever you are.
package attempt

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmdline"
)

// call is a system call that is made in vain.
type call struct {
	name string
	make func() error
}

// none is a descriptor or an operation that there isn't.
const none = -1

var calls = []call{
	{"bpf", raw(unix.SYS_BPF, none)},
	{"chroot", func() error { return unix.Chroot("/") }},                         // it changes nothing
	{"clone", raw(unix.SYS_CLONE, unix.CLONE_NEWUSER|unix.CLONE_FS)},             // which don't go together
	{"clone3", raw(unix.SYS_CLONE3)},                                             // without arguments
	{"fchmodat", func() error { return unix.Fchmodat(none, "nowhere", 0, 0) }},   // below no directory
	{"init_module", func() error { return unix.InitModule([]byte("none"), "") }}, // which is no program
	{"io_uring_setup", raw(unix.SYS_IO_URING_SETUP)},
	{"keyctl", raw(unix.SYS_KEYCTL, none)},
	{"mkdirat", func() error { return unix.Mkdirat(none, "nowhere", 0) }},
	{"mount", func() error { return unix.Mount("none", "/", "no-such-file-system", 0, "") }},
	{"ptrace", raw(unix.SYS_PTRACE, unix.PTRACE_CONT)}, // of no process
	{"reboot", raw(unix.SYS_REBOOT)},                   // without the numbers that have to come with it
	{"sethostname", raw(unix.SYS_SETHOSTNAME, 0, none)},
	{"setns", raw(unix.SYS_SETNS, none)},
	{"unshare", raw(unix.SYS_UNSHARE, none)},
	{"userfaultfd", raw(unix.SYS_USERFAULTFD, none)},
}

// raw makes a call with up to three arguments; the others are 0.
func raw(number uintptr, arguments ...int) func() error {
	return func() error {
		var a [3]uintptr
		for i, argument := range arguments {
			a[i] = uintptr(argument)
		}
		if _, _, errno := unix.Syscall6(number, a[0], a[1], a[2], 0, 0, 0); errno != 0 {
			return errno
		}
		return nil
	}
}

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("attempt [CALL…]")
	if status, ok := line.Read(args); !ok {
		return status
	}
	wanted := calls
	if line.NArg() > 0 {
		wanted = nil
	}
	for _, name := range line.Args() {
		i := slices.IndexFunc(calls, func(c call) bool { return c.name == name })
		if i < 0 {
			return line.Misuse("there is no %s among the calls that it knows", name)
		}
		wanted = append(wanted, calls[i])
	}
	for _, c := range wanted {
		fmt.Printf("%s: %s\n", c.name, answer(c.make()))
	}
	return cmdline.Success
}

func answer(err error) string {
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return "done"
	}
	return fmt.Sprintf("%s (%s)", errno, unix.ErrnoName(errno))
}
