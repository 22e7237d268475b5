package sh

import (
	"encoding/binary"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// program is what a child is to become. The child reads it between fork and exec, where nothing may be allocated and
// nothing of the Go runtime works, so everything in it is in the form that system calls take.
type program struct {
	path       *byte
	argv, envv []*byte

	sources  []int  // what is to be descriptor 0, 1, 2 …: a number above all of those, or -1 for a closed one
	ownGroup bool   // be in a process group: group, or if that is 0 a new one
	group    int32  // it is the child's own number by the time it is used
	terminal int    // make that group the one in the foreground there, -1 for not
	report   int    // where to write the error, if it comes to that
	mask     uint64 // signals to be blocked
	errno    uint32
}

// fork starts a program in a child and returns its process id.
//
// syscall.ForkExec does the same by vfork(2): the parent's thread is stuck until the child has executed the program. A
// child that Ctrl-Z stops before that never will, and the parent can't even be stopped with it. Here both simply stop.
// And here the child itself takes the terminal, when nothing can reach it yet, so it is sure to have it when it reads.
func fork(p *program) (int, error) {
	pipe := [2]int{}
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return 0, err
	}
	p.report = pipe[1]
	pid, errno := cloneSelf(p)
	runtime.KeepAlive(p)
	unix.Close(pipe[1])
	defer unix.Close(pipe[0])
	if errno != 0 {
		return 0, errno
	}
	if errno := failed(pid, pipe[0]); errno != 0 {
		unix.Wait4(pid, nil, 0, nil) // it is on its way out
		return 0, errno
	}
	return pid, nil
}

// cloneSelf forks with all signals blocked, so that the child can't run the handlers it inherits.
func cloneSelf(p *program) (int, syscall.Errno) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, before unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, &before); err != nil {
		return 0, err.(syscall.Errno)
	}
	p.mask = before.Val[0]
	pid, errno := forkExec(p)
	unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil)
	return pid, errno
}

// failed waits until the child has executed its program, or is stopped before it could, and returns 0; or until it says
// why it can't.
func failed(pid, report int) syscall.Errno {
	const lookEvery = 20 // milliseconds
	for {
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(report), Events: unix.POLLIN}}, lookEvery)
		if ready > 0 || err != nil && err != unix.EINTR {
			break
		}
		var info unix.Siginfo
		err = unix.Waitid(unix.P_PID, pid, &info, unix.WSTOPPED|unix.WNOHANG|unix.WNOWAIT, nil)
		if stopped := info.Signo == int32(unix.SIGCHLD); err == nil && stopped {
			return 0
		}
	}
	var errno [4]byte
	n, err := unix.Read(report, errno[:])
	for err == unix.EINTR {
		n, err = unix.Read(report, errno[:])
	}
	if n < len(errno) {
		return 0
	}
	return syscall.Errno(binary.NativeEndian.Uint32(errno[:]))
}

// sigaction is the kernel's struct sigaction; see rt_sigaction(2). All zero it means SIG_DFL.
type sigaction struct {
	handler, flags, restorer, mask uintptr
}

const ignoredHandler = 1 // SIG_IGN, which the program is to inherit

// forkExec is fork and, in the child, all that comes before exec. The child never returns.
//
//go:nosplit
//go:norace
func forkExec(p *program) (int, syscall.Errno) {
	var now, byDefault sigaction
	pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 || pid != 0 {
		return int(pid), errno
	}
	if p.ownGroup {
		if _, _, errno = syscall.RawSyscall(syscall.SYS_SETPGID, 0, uintptr(p.group), 0); errno != 0 {
			goto failed
		}
		if p.group == 0 {
			own, _, _ := syscall.RawSyscall(syscall.SYS_GETPID, 0, 0, 0)
			p.group = int32(own)
		}
		if p.terminal >= 0 { // from the background: allowed, because SIGTTOU is blocked
			syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(p.terminal), unix.TIOCSPGRP, uintptr(unsafe.Pointer(&p.group)))
		}
	}
	for fd, source := range p.sources {
		if source < 0 {
			syscall.RawSyscall(syscall.SYS_CLOSE, uintptr(fd), 0, 0)
		} else if _, _, errno = syscall.RawSyscall(syscall.SYS_DUP3, uintptr(source), uintptr(fd), 0); errno != 0 {
			goto failed
		}
	}
	for sig := uintptr(1); sig <= 64; sig++ {
		syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, sig, 0, uintptr(unsafe.Pointer(&now)), 8, 0, 0)
		if now.handler != ignoredHandler {
			syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, sig, uintptr(unsafe.Pointer(&byDefault)), 0, 8, 0, 0)
		}
	}
	syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&p.mask)), 0, 8, 0, 0)
	_, _, errno = syscall.RawSyscall(syscall.SYS_EXECVE, uintptr(unsafe.Pointer(p.path)),
		uintptr(unsafe.Pointer(&p.argv[0])), uintptr(unsafe.Pointer(&p.envv[0])))
failed:
	p.errno = uint32(errno)
	syscall.RawSyscall(syscall.SYS_WRITE, uintptr(p.report), uintptr(unsafe.Pointer(&p.errno)), unsafe.Sizeof(p.errno))
	for {
		syscall.RawSyscall(syscall.SYS_EXIT_GROUP, notFound, 0, 0)
	}
}

// newProgram puts a program into the form that system calls take. close is to be called when it has been started.
func newProgram(path string, args, env []string, files map[int]*os.File) (p *program, close func(), err error) {
	p = &program{terminal: -1}
	var copies []int
	close = func() {
		for _, fd := range copies {
			unix.Close(fd)
		}
	}
	if p.path, err = syscall.BytePtrFromString(path); err != nil {
		return nil, close, err
	}
	if p.argv, err = syscall.SlicePtrFromStrings(args); err != nil {
		return nil, close, err
	}
	if p.envv, err = syscall.SlicePtrFromStrings(env); err != nil {
		return nil, close, err
	}
	most := 2
	for fd := range files {
		most = max(most, fd)
	}
	for fd := range most + 1 {
		source := -1
		if file := files[fd]; file != nil {
			// A copy above all of them, or putting one in its place could take away another that is still needed.
			if source, err = unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, most+1); err != nil {
				return nil, close, err
			}
			copies = append(copies, source)
		}
		p.sources = append(p.sources, source)
	}
	return p, close, nil
}

// restoreFileLimit takes back what the Go runtime did to the limit of open files: it raises it to the most that is allowed,
// and gives programs that it starts itself the old one again. What is started here, and ulimit, must not see that
// either. The runtime tells nobody what the limit was, but sets it before it executes a program, and leaves it so when
// that fails.
func restoreFileLimit() {
	syscall.Exec("", nil, nil)
}
