package spawn

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// start forks up to wanted children and returns their process ids, and the error of the first that was refused.
//
// The children are bare forks, not started programs: a program in Go has several threads, and pids.max counts threads. The caller has
// locked its thread.
func start(wanted int) (children []int, refused syscall.Errno) {
	// A child must not run the signal handlers it inherits, as the rest of the Go runtime does not exist in it.
	var all, before unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, &before); err != nil {
		return nil, err.(syscall.Errno)
	}
	defer unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil)
	parent := unix.Getpid()
	children = make([]int, 0, wanted)
	for range wanted {
		pid, errno := fork(parent)
		if errno != 0 {
			return children, errno
		}
		children = append(children, pid)
	}
	return children, 0
}

// sigaction is the kernel's struct sigaction; see rt_sigaction(2). All zero it means SIG_DFL.
type sigaction struct {
	handler, flags, restorer, mask uintptr
}

var (
	defaultAction sigaction
	noSignals     uint64
)

// fork returns the child's process id. The child never returns: it takes back the default signal actions, asks to be
// killed with its parent, and sleeps. It may call nothing that grows the stack or meets the scheduler.
//
//go:nosplit
//go:norace
func fork(parent int) (int, syscall.Errno) {
	pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 || pid != 0 {
		return int(pid), errno
	}
	for signal := uintptr(1); signal < 32; signal++ {
		syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, signal, uintptr(unsafe.Pointer(&defaultAction)), 0, 8, 0, 0)
	}
	syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&noSignals)), 0, 8, 0, 0)
	syscall.RawSyscall(syscall.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0)
	// The parent may have died before the line above.
	if ppid, _, _ := syscall.RawSyscall(syscall.SYS_GETPPID, 0, 0, 0); ppid != uintptr(parent) {
		syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 1, 0, 0)
	}
	for {
		// ppoll(2) with nothing to wait for: pause(2) does not exist on arm64.
		syscall.RawSyscall6(syscall.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
	}
}
