package sh

import (
	"os"
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"
)

// process is a child of the shell.
type process struct {
	pid     int
	status  unix.WaitStatus
	ended   bool
	stopped bool
}

// children collects children that end: those the shell started, whose status is kept for it, and those that are given to
// process 1 of a container when their parent ends, which would stay behind as zombies otherwise.
type children struct {
	mutex   sync.Mutex
	known   map[int]*process
	held    bool          // collect is to wait
	changed chan struct{} // has something in it when a known process has changed
}

func newChildren() *children {
	c := &children{known: map[int]*process{}, changed: make(chan struct{}, 1)}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, unix.SIGCHLD)
	go func() { // ends with the process
		for range ended {
			c.collect()
		}
	}()
	return c
}

// collect asks for every child that has changed. Signals of the same kind don't queue, so one may stand for several.
func (c *children) collect() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for !c.held {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG|unix.WUNTRACED, nil)
		if err == unix.EINTR {
			continue
		}
		if pid <= 0 {
			return
		}
		p := c.known[pid]
		if p == nil {
			continue // an orphan
		}
		p.status, p.stopped = status, status.Stopped()
		if !p.stopped {
			p.ended = true
			delete(c.known, pid)
		}
		select {
		case c.changed <- struct{}{}:
		default:
		}
	}
}

// hold has children that end stay zombies until the function it returns is called: as long as one is left of a process
// group, the rest of a pipeline can join it.
func (c *children) hold() (release func()) {
	c.mutex.Lock()
	c.held = true
	c.mutex.Unlock()
	return func() {
		c.mutex.Lock()
		c.held = false
		c.mutex.Unlock()
		c.collect()
	}
}

// start starts a process. The lock is held until it is known, so that collect can't take it for an orphan.
func (c *children) start(p *program) (*process, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	pid, err := fork(p)
	if err != nil {
		return nil, err
	}
	child := &process{pid: pid}
	c.known[pid] = child
	return child, nil
}

// state returns a consistent view of a process.
func (c *children) state(p *process) process {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return *p
}

// resumed notes that a stopped process goes on.
func (c *children) resumed(p *process) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	p.stopped = false
}

// exitStatus is a process's as $? has it.
func (p *process) exitStatus() int {
	switch {
	case p.stopped:
		return signalled + int(p.status.StopSignal())
	case p.status.Signaled():
		return signalled + int(p.status.Signal())
	}
	return p.status.ExitStatus()
}

// self is the file to start a shell from. Without /proc, as before a container has mounted it, it is where the root
// filesystem has it.
func self() string {
	const running = "/proc/self/exe"
	if _, err := os.Stat(running); err == nil {
		return running
	}
	return "/bin/sh"
}
