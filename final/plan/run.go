package plan

import (
	"errors"
	"fmt"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An Error is the operation that failed.
type Error struct {
	Op    Op
	Call  Call
	Errno unix.Errno
	// Detail is what a program the parent ran printed, or what else there is to say, if that is what failed.
	Detail string
}

// Error names the operation, its object, what the kernel said and the step that teaches it.
func (e *Error) Error() string {
	s := e.Op.What + ": "
	if e.Detail != "" {
		s += e.Detail
	} else {
		s += e.Errno.Error()
	}
	if e.Op.Step != "" {
		s += " (step " + e.Op.Step + ")"
	}
	return s
}

// Unwrap is the errno, for errors.Is.
func (e *Error) Unwrap() error { return e.Errno }

// ErrDied is returned when the child ended before it could exec, for example because something killed it.
var ErrDied = errors.New("the child died before it could run the program")

// A Process is the child once it has become the program.
type Process struct {
	Pid int
	// PidFD refers to the process for as long as it is open; see pidfd_open(2). The caller closes it.
	PidFD int

	slots   names
	results []int64
}

// Result is what the call with this name returned, and whether it did.
func (p *Process) Result(name string) (int, bool) {
	slot, ok := p.slots[name]
	if !ok || p.results[slot] == unset {
		return 0, false
	}
	return int(p.results[slot]), true
}

// Wait reaps the process when it has ended, and gives its exit code as a shell would: 128+n if signal n ended it.
func (p *Process) Wait() (int, error) {
	for {
		var ws unix.WaitStatus
		_, err := unix.Wait4(p.Pid, &ws, 0, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, fmt.Errorf("waiting for process %d: %w", p.Pid, err)
		case ws.Signaled():
			return 128 + int(ws.Signal()), nil
		}
		return ws.ExitStatus(), nil
	}
}

// A Timing is what happened to one call.
type Timing struct {
	Op, Call int
	Took     time.Duration
	Errno    unix.Errno // an allowed one, unless it's the plan's last
	Skipped  bool       // it named a result that an earlier, allowed failure left missing
}

// Options are how to run a plan.
type Options struct {
	// Inputs are results known before the first operation, by name: open file descriptors, most of all.
	Inputs map[string]int
	// Timed, if not nil, is called for each call as it is done.
	Timed func(Timing)
}

// Run carries the list out. It returns when the child has become the program, ended or left, or with an [Error] that says which operation
// failed; the child is then dead and reaped. The caller must have locked its goroutine to its thread
// and keep that thread for as long as the program should live, if the plan sets PR_SET_PDEATHSIG.
func (p *Plan) Run(o Options) (*Process, error) {
	g := &program{plan: p, slots: names{}}
	for name := range o.Inputs {
		g.slots.add(name)
	}
	if err := p.check(g.slots); err != nil {
		return nil, err
	}
	if err := g.open(); err != nil {
		return nil, err
	}
	defer g.release()
	if err := g.compile(o.Inputs); err != nil {
		return nil, err
	}
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("making a socket pair between parent and child: %w", err)
	}
	r := &runner{program: g, options: o, socket: ends[0], childEnd: ends[1]}
	var proc *Process
	if err = unix.SetsockoptInt(r.socket, unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err == nil {
		proc, err = r.run()
	}
	for _, fd := range []int{r.socket, r.childEnd} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	if err != nil && r.pid > 0 {
		unix.Kill(r.pid, unix.SIGKILL)
		reap(r.pid)
		unix.Close(int(*g.pidfd))
	}
	return proc, err
}

// A runner is the parent's half under way.
type runner struct {
	*program
	options          Options
	socket, childEnd int
	pid              int
	said             report
	iov              unix.Iovec
	message          unix.Msghdr
	ancillary        [40]byte // one SCM_CREDENTIALS (unix(7)): a struct cmsghdr and a struct ucred
}

func (r *runner) run() (*Process, error) {
	childsTurn := false
	for i, op := range r.plan.Ops {
		if op.Actor == Child {
			if !childsTurn && r.pid > 0 && !r.first(i) {
				if err := r.passOn(); err != nil {
					return nil, err
				}
			}
			childsTurn = true
			continue
		}
		if childsTurn {
			if err := r.listen(turn); err != nil {
				return nil, err
			}
			childsTurn = false
		}
		for j, c := range op.Calls {
			if err := r.call(i, j, op, c); err != nil {
				return nil, err
			}
		}
	}
	if err := r.listen(running); err != nil {
		return nil, err
	}
	return &Process{Pid: r.pid, PidFD: int(*r.pidfd), slots: r.slots, results: slices.Clone(r.child.results)}, nil
}

// first tells whether operation i is the one right after clone, for which the child need not wait.
func (r *runner) first(i int) bool { return i > 0 && r.plan.Ops[i-1].Calls[0].Clones() }

// call performs one of the parent's calls.
func (r *runner) call(i, j int, op Op, c Call) error {
	start := time.Now()
	skipped, errno, detail, err := r.perform(c)
	if err != nil {
		return fmt.Errorf("%s: %w", op.What, err)
	}
	if r.options.Timed != nil {
		r.options.Timed(Timing{Op: i, Call: j, Took: time.Since(start), Errno: errno, Skipped: skipped})
	}
	if errno == 0 {
		return nil
	}
	for _, ok := range c.Allow {
		if errno == ok {
			return nil
		}
	}
	return &Error{Op: op, Call: c, Errno: errno, Detail: detail}
}

// perform does one call of the parent's. It tells whether it was passed over.
func (r *runner) perform(c Call) (skipped bool, errno unix.Errno, detail string, err error) {
	if r.missing(c) {
		return true, 0, "", nil
	}
	if c.Name == RunProgram {
		detail, err := r.runProgram(c)
		switch {
		case errors.Is(err, ErrDied):
			return false, 0, "", err
		case err != nil:
			return false, unix.EPERM, detail, nil
		}
		return false, 0, "", nil
	}
	if c.Ask != nil {
		return false, 0, "", c.Ask(r.pid)
	}
	in, err := r.instruction(c)
	if err != nil {
		return false, 0, "", err
	}
	fillIn(&in, r.child.results)
	switch c.Name {
	case CopyTree:
		if err := copyTree(int(in.args[0]), int(in.args[1])); err != nil {
			return false, unix.EIO, err.Error(), nil
		}
		return false, 0, "", nil
	case "clone3":
		return false, r.clone(&in), "", nil
	}
	if c.Name == "write" && c.Args[1].kind == argConcat {
		s, err := r.join(c.Args[1])
		if err != nil {
			return false, 0, "", err
		}
		in.args[2] = uintptr(len(s))
	}
	n, _, errno := unix.Syscall6(in.nr, in.args[0], in.args[1], in.args[2], in.args[3], in.args[4], in.args[5])
	for errno == unix.EINTR {
		n, _, errno = unix.Syscall6(in.nr, in.args[0], in.args[1], in.args[2], in.args[3], in.args[4], in.args[5])
	}
	if errno == 0 && in.result >= 0 {
		r.child.results[in.result] = int64(n)
	}
	return false, errno, "", nil
}

// missing tells whether a call is to be passed over, because a result that it names isn't there or the one that it depends on isn't as it wants.
func (r *runner) missing(c Call) bool {
	if c.If != "" && r.child.results[r.slots[c.If]] == unset || c.Unless != "" && r.child.results[r.slots[c.Unless]] != unset {
		return true
	}
	lacks := func(a Arg) bool { return a.kind == argRef && r.child.results[r.slots[a.text]] == unset }
	for _, a := range c.Args {
		if lacks(a) || slices.ContainsFunc(a.parts(), lacks) {
			return true
		}
	}
	return c.Program != nil && (lacks(c.Program.Stdin) || slices.ContainsFunc(c.Program.Stdin.parts(), lacks))
}

func (r *runner) clone(in *instruction) unix.Errno {
	r.child.timed, r.child.socket, r.child.other = r.options.Timed != nil, uintptr(r.childEnd), uintptr(r.socket)
	pid, errno := r.fork(in)
	if errno != 0 {
		return errno
	}
	unix.Close(r.childEnd)
	r.childEnd, r.pid = -1, pid
	r.keepClone()
	return 0
}

// keepClone stores what clone returned, which the child's own copy of the results doesn't have.
func (r *runner) keepClone() {
	r.child.results[r.slots["child"]] = int64(r.pid)
	r.child.results[r.slots["pidfd"]] = int64(*r.pidfd)
}

// passOn gives the child its turn, with all results so far.
func (r *runner) passOn() error {
	_, err := unix.SendmsgN(r.socket, r.resultBytes(), nil, nil, unix.MSG_NOSIGNAL)
	if err != nil {
		return r.died()
	}
	return nil
}

// died is the reason if the child gave one before it went.
func (r *runner) died() error {
	if err := r.listen(turn); err != nil {
		return err
	}
	return ErrDied
}

// listen takes the child's reports until it gives the turn back, or until the socket closes because execve worked.
func (r *runner) listen(until int32) error {
	announced := false
	for {
		n, sender, err := r.receive(unsafe.Slice((*byte)(unsafe.Pointer(&r.said)), reports))
		if err != nil {
			return err
		}
		if n == 0 && announced {
			return nil
		}
		if n == 0 {
			return ErrDied
		}
		switch m := r.said; m.kind {
		case failed:
			return r.failure(m)
		case timed:
			in := r.child.code[m.at]
			r.options.Timed(Timing{Op: int(in.op), Call: int(in.call), Took: time.Duration(m.took), Errno: unix.Errno(m.errno), Skipped: m.skip != 0})
		case running:
			announced = true
			r.drop()
		case reforked:
			if err := r.follow(sender); err != nil {
				return err
			}
		case turn:
			_, _, err := r.receive(r.resultBytes())
			r.keepClone()
			if err != nil || until == turn {
				return err
			}
		}
	}
}

// drop closes what nobody needs any more.
func (r *runner) drop() {
	for _, name := range r.plan.Drop {
		if slot, ok := r.slots[name]; ok && r.child.results[slot] != unset {
			unix.Close(int(r.child.results[slot]))
			r.child.results[slot] = unset
		}
	}
}

// follow goes on with another process in place of the child, which has ended.
func (r *runner) follow(pid int) error {
	first := r.pid
	r.pid = pid
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("opening process %d: %w", pid, err)
	}
	unix.Close(int(*r.pidfd))
	*r.pidfd = int32(fd)
	reap(first)
	r.keepClone()
	return nil
}

// reap waits for a child that is about to end.
func reap(pid int) {
	for {
		if _, err := unix.Wait4(pid, nil, 0, nil); err != unix.EINTR {
			return
		}
	}
}

// receive takes one message, and who has sent it, as a pid out here.
func (r *runner) receive(b []byte) (n, sender int, err error) {
	if len(b) > 0 {
		r.iov.Base = &b[0]
	}
	r.iov.SetLen(len(b))
	r.message = unix.Msghdr{Iov: &r.iov, Iovlen: 1, Control: &r.ancillary[0]}
	r.message.SetControllen(len(r.ancillary))
	for {
		n, _, errno := unix.Syscall(unix.SYS_RECVMSG, uintptr(r.socket), uintptr(unsafe.Pointer(&r.message)), 0)
		switch {
		case errno == unix.EINTR:
			continue
		case errno == unix.ECONNRESET:
			return 0, 0, nil
		case errno != 0:
			return 0, 0, fmt.Errorf("listening to the child: %w", errno)
		}
		return int(n), int((*unix.Ucred)(unsafe.Pointer(&r.ancillary[unix.CmsgLen(0)])).Pid), nil
	}
}

func (r *runner) failure(m report) error {
	in := r.child.code[m.at]
	op := r.plan.Ops[in.op]
	return &Error{Op: op, Call: op.Calls[in.call], Errno: unix.Errno(m.errno)}
}
