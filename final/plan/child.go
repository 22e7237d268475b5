package plan

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The hooks that the Go runtime keeps for package syscall's own fork, and for the few others that need one. See
// https://go.dev/issue/67401.

//go:linkname beforeFork syscall.runtime_BeforeFork
func beforeFork()

//go:linkname afterFork syscall.runtime_AfterFork
func afterFork()

// A report is what the child says of one call, or of its turn. Results follow a turn in a message of their own.
type report struct {
	kind  int32
	at    int32 // index into the code
	errno int32
	skip  int32
	took  int64 // nanoseconds
}

const (
	failed   int32 = iota + 1
	timed          // one call is done; sent only when someone listens
	turn           // the parent's turn
	running        // next is execve, whose success nobody can report
	reforked       // it is another process that goes on; the kernel tells who (unix(7), SCM_CREDENTIALS)
	reports  = unsafe.Sizeof(report{})
)

// A child is everything the forked process may touch, prepared before the fork. It lies in the plan's memory, and so does all that it points to.
type child struct {
	code    []instruction
	results []int64 // by slot
	socket  uintptr // the child's end
	other   uintptr // the parent's end, to close
	timed   bool
	alone   bool   // nobody listens any more
	mask    uint64 // the signals that are blocked but for the fork
	report  report
	before  unix.Timespec
	after   unix.Timespec
}

// fork is clone3(2), after which the child carries out its half and the parent returns. The thread that calls it is the child's parent as
// far as PR_SET_PDEATHSIG is concerned (prctl(2)).
func (g *program) fork(in *instruction) (int, unix.Errno) {
	c := g.child
	const blocks = unix.SIG_BLOCK // of no signal: this only asks which are blocked
	if _, _, errno := syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, blocks, 0, uintptr(unsafe.Pointer(&c.mask)), maskSize, 0, 0); errno != 0 {
		return 0, errno
	}
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	g.inherit(unix.MADV_DONTFORK)
	defer g.inherit(unix.MADV_DOFORK)
	beforeFork() // blocks all signals
	pid, errno := split(in.args[0], in.args[1], g.stack, c)
	afterFork()
	return int(pid), unix.Errno(errno)
}

// maskSize is the kernel's size of a set of signals, in bytes: one bit each.
const maskSize = 8

// split is clone3(2) with these arguments. The child never returns from it: it goes to [begin], on another stack. That is written in assembly, since the child must leave
// the parent's stack alone, which it hasn't got.
func split(args, size, stack uintptr, c *child) (pid, errno uintptr)

// begin is the child's first step.
//
//go:nosplit
//go:norace
func begin(c *child) {
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&c.mask)), 0, maskSize, 0, 0)
	c.run()
}

// run is the child: one call after the other, until execve takes over or one fails.
//
//go:nosplit
//go:norace
func (c *child) run() {
	syscall.RawSyscall6(unix.SYS_CLOSE, c.other, 0, 0, 0, 0, 0)
	announced, denied, broken := false, false, false
	var errno unix.Errno
	var in *instruction
	for i := range c.code {
		in = &c.code[i]
		c.report.at = int32(i)
		switch in.kind {
		case passOn:
			c.say(turn, 0)
			c.sendResults()
			continue
		case await:
			c.receiveResults()
			continue
		case leave:
			c.say(running, 0)
			syscall.RawSyscall6(unix.SYS_CLOSE, c.socket, 0, 0, 0, 0, 0)
			c.alone, announced = true, true
			continue
		case refork:
			if errno = unix.Errno(succeed(in.args[0])); errno == 0 {
				c.say(reforked, 0)
				continue
			}
			broken = true
		case replace:
			errno = c.makeWay(in)
			broken = errno != 0
		}
		if broken {
			break
		}
		if c.final(i) && !announced {
			if c.say(running, 0) != 0 {
				break // the parent is gone, perhaps before PR_SET_PDEATHSIG was set: nobody wants the program any more
			}
			announced = true
		}
		errno = c.call(in)
		if errno == 0 {
			continue
		}
		if !allowed(in, errno) {
			break
		}
		// execvp(3): a program that was found but may not be run is the better explanation than one not found.
		denied = denied || (in.nr == unix.SYS_EXECVE || in.nr == unix.SYS_FACCESSAT2) && errno == unix.EACCES
	}
	if denied && errno == unix.ENOENT {
		errno = unix.EACCES
	}
	c.say(failed, errno)
	c.exit(in, errno)
}

// makeWay moves the socket to the parent if the call would close it. Of those that close_range(2) is to close, it is the first from then on, and stays.
//
//go:nosplit
//go:norace
func (c *child) makeWay(in *instruction) unix.Errno {
	var n uintptr
	var errno unix.Errno
	switch {
	case c.alone:
	case in.nr == unix.SYS_DUP3 && in.args[1] == c.socket:
		if n, _, errno = syscall.RawSyscall6(unix.SYS_FCNTL, c.socket, unix.F_DUPFD_CLOEXEC, c.socket+1, 0, 0, 0); errno == 0 {
			c.socket = n
		}
	case in.nr == unix.SYS_CLOSE_RANGE && in.args[0] <= c.socket:
		if in.args[0] < c.socket {
			if n, _, errno = syscall.RawSyscall6(unix.SYS_DUP3, c.socket, in.args[0], unix.O_CLOEXEC, 0, 0, 0); errno != 0 {
				break
			}
			c.socket = n
		}
		in.args[0]++
	}
	return errno
}

// final tells whether instruction i is the end: execve, exit, or the filter that is put in place right before it, which may not let us report any more.
//
//go:nosplit
//go:norace
func (c *child) final(i int) bool {
	nr := c.code[i].nr
	return nr == unix.SYS_EXECVE || nr == unix.SYS_EXIT_GROUP || nr == unix.SYS_SECCOMP && i+1 < len(c.code) && c.code[i+1].nr == unix.SYS_EXECVE
}

// exit ends the child that failed. The code matters to a child that is alone: it is all that is ever heard of it.
//
//go:nosplit
//go:norace
func (c *child) exit(in *instruction, errno unix.Errno) {
	code := uintptr(125)
	if in.nr == unix.SYS_EXECVE {
		code = 126
		if errno == unix.ENOENT || errno == unix.ENOTDIR {
			code = 127
		}
	}
	end(code)
}

// nowhere is an address that nothing is at.
var nowhere *int32

// end is exit_group(2). Where a filter answers that with an error, a wild pointer does it.
//
//go:nosplit
//go:norace
func end(code uintptr) {
	syscall.RawSyscall6(unix.SYS_EXIT_GROUP, code, 0, 0, 0, 0, 0)
	*nowhere = 0
}

// succeed makes a new process, in which it returns; the one that calls it ends there and then. That it touches no memory in between, and so is written in assembly, allows them
// to be in the same memory, which need not be copied then (clone(2), CLONE_VM).
func succeed(flags uintptr) (errno uintptr)

// call makes one system call and keeps its result. A call that names a missing result is passed over, and has none itself.
//
//go:nosplit
//go:norace
func (c *child) call(in *instruction) unix.Errno {
	if !fillIn(in, c.results) {
		c.report.skip, c.report.took = 1, 0
		if c.timed {
			c.say(timed, 0)
		}
		return 0
	}
	if c.timed {
		syscall.RawSyscall6(unix.SYS_CLOCK_GETTIME, unix.CLOCK_MONOTONIC, uintptr(unsafe.Pointer(&c.before)), 0, 0, 0, 0)
	}
	n, _, errno := syscall.RawSyscall6(in.nr, in.args[0], in.args[1], in.args[2], in.args[3], in.args[4], in.args[5])
	// A rename or a mount anywhere on the machine makes a ".." under RESOLVE_IN_ROOT fail so, and asks for another try (openat2(2)).
	for tries := 0; errno == unix.EAGAIN && in.nr == unix.SYS_OPENAT2 && tries < 1000; tries++ {
		n, _, errno = syscall.RawSyscall6(in.nr, in.args[0], in.args[1], in.args[2], in.args[3], in.args[4], in.args[5])
	}
	if errno == 0 && in.result >= 0 {
		c.results[in.result] = int64(n)
	}
	if c.timed {
		syscall.RawSyscall6(unix.SYS_CLOCK_GETTIME, unix.CLOCK_MONOTONIC, uintptr(unsafe.Pointer(&c.after)), 0, 0, 0, 0)
		c.report.skip = 0
		c.report.took = (int64(c.after.Sec)-int64(c.before.Sec))*1e9 + int64(c.after.Nsec) - int64(c.before.Nsec)
		c.say(timed, errno)
	}
	return errno
}

// fillIn puts results where a call names them. It tells whether all are there; if not, the call is passed over.
//
//go:nosplit
//go:norace
func fillIn(in *instruction, results []int64) bool {
	if in.when >= 0 && results[in.when] == unset || in.unless >= 0 && results[in.unless] != unset {
		return false
	}
	for i := range in.refs {
		if slot := in.refs[i]; slot >= 0 {
			if results[slot] == unset {
				return false
			}
			in.args[i] = uintptr(results[slot])
		}
	}
	for i := range in.fills {
		f := &in.fills[i]
		n := results[f.slot]
		switch {
		case n == unset:
			return false
		case f.size == 2:
			*(*uint16)(f.at) = uint16(n)
		case f.size == 4:
			*(*uint32)(f.at) = uint32(n)
		default:
			*(*uint64)(f.at) = uint64(n)
		}
	}
	return true
}

//go:nosplit
//go:norace
func allowed(in *instruction, errno unix.Errno) bool {
	for i := range in.allow {
		if in.allow[i] == errno {
			return true
		}
	}
	return false
}

// say sends a report. It fails when the parent is gone.
//
//go:nosplit
//go:norace
func (c *child) say(kind int32, errno unix.Errno) unix.Errno {
	if c.alone {
		return 0
	}
	c.report.kind, c.report.errno = kind, int32(errno)
	return c.send(uintptr(unsafe.Pointer(&c.report)), reports)
}

//go:nosplit
//go:norace
func (c *child) sendResults() {
	c.send(uintptr(unsafe.Pointer(unsafe.SliceData(c.results))), uintptr(len(c.results))*8)
}

//go:nosplit
//go:norace
func (c *child) send(p, n uintptr) unix.Errno {
	for {
		// write(2), not send(2): profiles of seccomp are made for runtimes that report by it. If the other end is gone, SIGPIPE ends the child, and well so.
		_, _, errno := syscall.RawSyscall6(unix.SYS_WRITE, c.socket, p, n, 0, 0, 0)
		if errno != unix.EINTR {
			return errno
		}
	}
}

// receiveResults waits for the child's turn.
//
//go:nosplit
//go:norace
func (c *child) receiveResults() {
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_READ, c.socket, uintptr(unsafe.Pointer(unsafe.SliceData(c.results))), uintptr(len(c.results))*8, 0, 0, 0)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 || n == 0 {
			end(125)
		}
		return
	}
}
