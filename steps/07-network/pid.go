package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime/debug"
	"syscall"

	"golang.org/x/sys/unix"
)

// catch takes, from now on, the signals that people and supervisors send to a program. They are for the program.
func catch() <-chan os.Signal {
	signals := make(chan os.Signal, 64)
	signal.Notify(signals, unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM,
		unix.SIGUSR1, unix.SIGUSR2, unix.SIGWINCH)
	return signals
}

// wait is the parent's half: it sends signals on to the child until the child has ended.
func wait(child *exec.Cmd, pipe *os.File, signals <-chan os.Signal) error {
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	// The kernel drops a signal for a process 1 that has no handler yet. The child closes its end of the pipe when it has
	// them, which shows here as POLLERR, poll(2); until then, signals wait in the channel.
	for {
		if _, err := unix.Poll([]unix.PollFd{{Fd: int32(pipe.Fd())}}, -1); err != unix.EINTR {
			break
		}
	}
	for {
		select {
		case err := <-ended:
			return err
		case s := <-signals:
			if !fromTerminal(s) {
				child.Process.Signal(s)
			}
		}
	}
}

// fromTerminal reports whether s was sent by Ctrl-C, Ctrl-\ or a change of the window's size. The terminal sends these to
// every process of its foreground group, so the program has its own already. See tcsetpgrp(3).
func fromTerminal(s os.Signal) bool {
	if s != unix.SIGINT && s != unix.SIGQUIT && s != unix.SIGWINCH {
		return false
	}
	foreground, err := unix.IoctlGetInt(int(os.Stdin.Fd()), unix.TIOCGPGRP)
	return err == nil && foreground == unix.Getpgrp()
}

// runAsInit is the child's half. In its namespace it is process 1, to which the kernel gives three peculiarities: signals it
// has no handler for don't reach it, every orphan becomes its child, and when it ends, all others are killed. Few programs
// are written to be that, so we are it, and start the program as a child. See pid_namespaces(7).
//
// The file /proc/1/exe is this very binary, which a root inside may overwrite: CVE-2019-5736. In final/ it never runs inside.
func runAsInit(program *exec.Cmd, signals <-chan os.Signal) error {
	program.Stdin, program.Stdout, program.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := program.Start(); err != nil {
		return &exec.Error{Name: program.Path, Err: err}
	}
	unix.Setpgid(0, 0)     // out of the terminal's foreground group: Ctrl-C is for the program alone
	debug.SetGCPercent(-1) // a collection may want one more thread, and 04-cgroups may refuse it
	go func() {
		for s := range signals {
			program.Process.Signal(s)
		}
	}()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil) // any child, orphans too: a zombie is a child nobody waited for
		if pid == program.Process.Pid {
			os.Exit(code(status))
		}
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("waiting for %s: %w", program.Path, err)
		}
	}
}
