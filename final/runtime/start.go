package runtime

import (
	"errors"
	"fmt"
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Start lets a created container's process go on to its program.
func (r Root) Start(id string, warn func(error)) error {
	i, err := r.locked(id)
	if err != nil {
		return err
	}
	defer i.unlock()
	switch s := i.Now(); s.Status {
	case specs.StateCreated:
	case specs.StateStopped:
		return errors.New("cannot start a container that has stopped")
	case specs.StateRunning:
		return errors.New("cannot start an already running container")
	default:
		return fmt.Errorf("cannot start a container in the %s state", s.Status)
	}
	if i.Nothing {
		return errors.Join(errors.New("cannot start a container without a program: its configuration has no process"), end(i.Pid, i.Start))
	}
	return i.start(warn)
}

// start runs the hooks around the opening of the gate. A hook that fails is the container's end (runtime.md, "Lifecycle").
func (i *Instance) start(warn func(error)) error {
	err := i.beforeStart()
	if err == nil {
		err = i.openGate()
	}
	if err != nil {
		return errors.Join(err, i.destroy(warn))
	}
	return i.afterStart(warn)
}

// afterStart runs the poststart hooks. The lock is given back before: the container is whole and runs, so its hooks may do with it what anybody may, and
// who deletes it needn't wait for them.
func (i *Instance) afterStart(warn func(error)) error {
	h, err := i.laterHooks()
	if err != nil {
		return errors.Join(err, i.destroy(warn))
	}
	_ = unix.Flock(int(i.lock.Fd()), unix.LOCK_UN)
	if err = i.runHooks("poststart", h.Poststart, i.outside(specs.StateRunning, i.Pid)); err == nil {
		return nil
	}
	lost := takeLock(i.lock, func() {})
	if lost == nil {
		lost = i.destroy(warn)
	}
	return errors.Join(err, lost)
}

func (i *Instance) beforeStart() error {
	h, err := i.laterHooks()
	if err != nil || len(h.StartContainer) == 0 {
		return err
	}
	target, err := i.open()
	if err != nil {
		return err
	}
	defer unix.Close(target)
	return i.runHooks("startContainer", h.StartContainer, i.inside(specs.StateCreated, target))
}

// openGate writes the byte that the process waits for, and waits until the program runs: the process has the FIFO open until execve(2) closes it, and then the
// writing end has an error (poll(2)).
func (i *Instance) openGate() error {
	gate, err := unix.Open(i.path(gateFile), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err == unix.ENXIO {
		return errors.New("cannot start a container that has stopped")
	}
	if err == nil {
		defer unix.Close(gate)
		_, err = unix.Write(gate, []byte{0})
	}
	if err == nil {
		err = os.Remove(i.path(gateFile))
	}
	if err != nil {
		return fmt.Errorf("letting the container go on: %w", err)
	}
	if err := wait(gate, unix.POLLERR, -1); err != nil {
		return err
	}
	// What is in a pipe stays for as long as one end is open; FIONREAD counts it (pipe(7)).
	if unread, err := unix.IoctlGetInt(gate, unix.TIOCINQ); err == nil && unread > 0 {
		return errors.New("the container was killed before its program could run")
	}
	return nil
}

// wait polls one descriptor for so many milliseconds; -1 is for ever. ETIME says they are over.
func wait(fd int, events int16, milliseconds int) error {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, milliseconds)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return fmt.Errorf("waiting for the container: %w", err)
		case n == 0:
			return unix.ETIME
		}
		return nil
	}
}
