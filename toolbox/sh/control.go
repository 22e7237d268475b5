package sh

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// control is job control: which process group has the terminal; see "Job Control" in POSIX, General Terminal Interface,
// 11.1.4, and credentials(7).
type control struct {
	fd       int
	own      int // the shell's process group
	original int // that which had the terminal before
}

// newControl makes the shell's process group the one in the foreground. It returns nil where there can be no job
// control: without a terminal that controls the session, or where the group that has the terminal has no number here.
// That is so when a container's shell is given a terminal from outside its PID namespace: it could take it, and could
// never give it back.
func newControl(fd int) *control {
	foreground, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	own := unix.Getpgrp()
	if err != nil || foreground <= 0 || own <= 0 {
		return nil
	}
	for foreground != own { // started in the background: wait until brought to the front
		unix.Kill(0, unix.SIGTTIN)
		if foreground, err = unix.IoctlGetInt(fd, unix.TIOCGPGRP); err != nil {
			return nil
		}
		own = unix.Getpgrp()
	}
	c := &control{fd: fd, own: own, original: own}
	if pid := os.Getpid(); own != pid {
		if unix.Setpgid(0, 0) != nil {
			return nil
		}
		c.own = pid
		c.give(pid)
	}
	return c
}

// give makes a process group the one in the foreground. From the background that would stop the shell (SIGTTOU), which
// it is when it takes the terminal back.
func (c *control) give(group int) {
	signal.Ignore(unix.SIGTTOU)
	unix.IoctlSetPointerInt(c.fd, unix.TIOCSPGRP, group) // fails if the group has ended already, and then nothing is lost
	signal.Reset(unix.SIGTTOU)
}

func (c *control) take() { c.give(c.own) }

func (c *control) restore() { c.give(c.original) }
