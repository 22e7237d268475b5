package plan

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// runProgram runs the program of a call and waits for it. A failure comes with the reason in words: what the program printed, if it
// did.
func (r *runner) runProgram(c Call) (detail string, err error) {
	argv := make([]string, len(c.Args))
	for i, a := range c.Args {
		switch a.kind {
		case argRef:
			argv[i] = fmt.Sprint(r.child.results[r.slots[a.text]])
		default:
			argv[i] = a.text
		}
	}
	program := c.Program
	if program == nil {
		program = &Program{}
	}
	input := program.Stdin.text
	if program.Stdin.kind == argConcat {
		if input, err = r.join(program.Stdin); err != nil {
			return err.Error(), err
		}
	}
	pidfd := -1
	if r.pid > 0 {
		pidfd = int(*r.pidfd)
	}
	said, err := program.Run(argv, input, pidfd)
	if err == nil {
		return "", nil
	}
	if said == "" {
		said = err.Error()
	}
	return said, err
}

// Run runs the program with these arguments and this input, and waits for it. pidfd is the process that it is run for, whose namespaces Inside means: when that
// ends, the program is killed ([ErrDied]). -1 is none. It returns what the program printed, both streams together.
func (p *Program) Run(argv []string, input string, pidfd int) (said string, err error) {
	if p.Inside != 0 {
		return p.inside(argv).Converse(pidfd, input, p.Timeout, nil)
	}
	return converse(input, func(in, out *os.File) error { return p.outside(argv, in, out, pidfd) })
}

// Converse carries the list out and waits for the end of its program. The program reads input from what the list knows as "in" and prints to "out"; what that was, in the
// beginning, is returned. "target" is the process that it is run for: when that ends, the program is killed ([ErrDied]), and also after the time limit, unless that is zero.
// begun, if not nil, is told when the program runs.
func (p *Plan) Converse(target int, input string, limit time.Duration, begun func(*Process) error) (said string, err error) {
	return converse(input, func(in, out *os.File) error {
		proc, err := p.Run(Options{Inputs: map[string]int{"target": target, "in": int(in.Fd()), "out": int(out.Fd())}})
		if err != nil {
			return err
		}
		defer unix.Close(proc.PidFD)
		var killed error
		if begun != nil {
			killed = begun(proc)
		}
		if killed == nil {
			killed = watch(proc.PidFD, target, limit)
		} else {
			_ = unix.PidfdSendSignal(proc.PidFD, unix.SIGKILL, nil, 0) // it may have ended
		}
		code, err := proc.Wait()
		switch {
		case killed != nil:
			return killed
		case err == nil && code != 0:
			err = errors.New("exit status " + fmt.Sprint(code))
		}
		return err
	})
}

// converse gives a program its input and reads what it prints. They are files in memory rather than pipes: a program that leaves another behind doesn't keep us waiting.
func converse(input string, do func(in, out *os.File) error) (said string, err error) {
	in, err := memory(input)
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := memory("")
	if err != nil {
		return "", err
	}
	defer out.Close()
	err = do(in, out)
	_, _ = out.Seek(0, io.SeekStart)
	b, _ := io.ReadAll(io.LimitReader(out, 4096)) // the beginning of it says enough
	return strings.TrimSpace(string(b)), err
}

func (p *Program) outside(argv []string, in, out *os.File, pidfd int) error {
	cmd := exec.Command(argv[0], argv[1:]...)
	if p.Path != "" {
		cmd.Path, cmd.Err = p.Path, nil
	}
	cmd.Env = p.Env
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	own := -1
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = in, out, out, &syscall.SysProcAttr{PidFD: &own}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer unix.Close(own)
	killed := watch(own, pidfd, p.Timeout)
	if err := cmd.Wait(); killed == nil {
		return err
	}
	return killed
}

// watch waits until a program has ended. It kills it, and says why, when its time is over or the process that it is run for has ended.
func watch(own, pidfd int, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	for {
		left := -1
		if limit > 0 {
			left = int((max(time.Until(deadline), 0) + time.Millisecond - 1) / time.Millisecond)
		}
		fds := []unix.PollFd{{Fd: int32(own), Events: unix.POLLIN}, {Fd: int32(pidfd), Events: unix.POLLIN}} // -1 is passed over (poll(2))
		n, err := unix.Poll(fds, left)
		switch {
		case err == unix.EINTR:
			continue
		case err == nil && fds[0].Revents != 0:
			return nil
		case err == nil && n == 0:
			err = fmt.Errorf("it was killed: it ran for longer than the %v it may", limit)
		case err == nil:
			err = fmt.Errorf("it was killed: %w", ErrDied)
		}
		_ = unix.PidfdSendSignal(own, unix.SIGKILL, nil, 0) // it may just have ended
		return err
	}
}

// inside is a plan of its own: a child enters the namespaces and becomes the program.
func (p *Program) inside(argv []string) *Plan {
	var list Plan
	list.Clone(0, "", "", "")
	list.Add(Op{Actor: Child, What: "entering the container's namespaces", Calls: []Call{
		{Name: "setns", Args: []Arg{Ref("target"), Int(p.Inside)}}}})
	if p.Inside&unix.CLONE_NEWUSER != 0 {
		list.Add(Op{Actor: Child, What: "becoming root in the user namespace", Calls: []Call{
			{Name: "setresgid", Args: []Arg{Int(0), Int(0), Int(0)}}, {Name: "setresuid", Args: []Arg{Int(0), Int(0), Int(0)}}}})
	}
	if p.Inside&unix.CLONE_NEWPID != 0 {
		list.Refork(false, "", "")
	}
	path := p.Path
	if path == "" {
		path = argv[0]
	}
	list.Add(Op{Actor: Child, What: "executing " + path, Calls: []Call{
		{Name: "dup3", Args: []Arg{Ref("in"), Int(0), Int(0)}},
		{Name: "dup3", Args: []Arg{Ref("out"), Int(1), Int(0)}},
		{Name: "dup3", Args: []Arg{Ref("out"), Int(2), Int(0)}},
		{Name: "close_range", Args: []Arg{Int(3), Sym("~0U", 1<<32-1), Sym("CLOSE_RANGE_CLOEXEC", unix.CLOSE_RANGE_CLOEXEC)}},
		{Name: "execve", Args: []Arg{Str(path), Strs(argv), Strs(p.Env)}}}})
	return &list
}

// EnterRoot is the child's calls that make another process's root directory its own, for when that doesn't come with a mount namespace. pidfd names a descriptor
// of the process: if that is still there once the directory is open, its number hasn't become somebody else's.
func EnterRoot(pid int, pidfd string) []Call {
	root := fmt.Sprintf("root%d", pid)
	return []Call{
		{Name: "openat", Result: root, Args: []Arg{AtCWD(), Str(fmt.Sprintf("/proc/%d/root", pid)),
			Sym("O_PATH|O_DIRECTORY|O_CLOEXEC", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC)}},
		{Name: "pidfd_send_signal", Args: []Arg{Ref(pidfd), Int(0), Null(), Int(0)}},
		{Name: "fchdir", Args: []Arg{Ref(root)}},
		{Name: "chroot", Args: []Arg{Str(".")}},
		{Name: "chdir", Args: []Arg{Str("/")}},
	}
}

// memory is a file that is nowhere but in memory (memfd_create(2)), to be read from its beginning.
func memory(content string) (*os.File, error) {
	fd, err := unix.MemfdCreate("stave", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("making a file in memory: %w", err)
	}
	f := os.NewFile(uintptr(fd), "memory")
	if _, err := f.WriteString(content); err != nil {
		f.Close()
		return nil, fmt.Errorf("writing to a file in memory: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
