package runtime

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Kill sends a signal to a container's first process, or to all its processes.
func (r Root) Kill(id string, signal unix.Signal, all bool) error {
	i, err := r.Load(id)
	if err != nil {
		return err
	}
	// Where a pid namespace is shared the end of the first process isn't that of the others.
	if all || signal == unix.SIGKILL && i.SharedPID && len(i.Cgroups) > 0 {
		return i.killAll(signal, all)
	}
	pidfd, err := i.open()
	if err != nil {
		return fmt.Errorf("signalling container %s: %w", id, err)
	}
	defer unix.Close(pidfd)
	if err := i.signal(pidfd, signal); err != nil {
		return fmt.Errorf("signalling container %s: %w", id, err)
	}
	return nil
}

// signal sends one to the first process. A frozen cgroup of version 1 lets nobody die, so it is thawed for that.
func (i *Instance) signal(pidfd int, signal unix.Signal) error {
	err := unix.PidfdSendSignal(pidfd, signal, nil, 0)
	if err == unix.ESRCH {
		return ErrNotRunning
	}
	if err == nil && signal == unix.SIGKILL && i.frozen() {
		err = i.cgroup().Thaw(context.Background())
	}
	return err
}

// killAll signals every process of the cgroup. The caller may have insisted on all, and then none is no error, as with runc.
func (i *Instance) killAll(signal unix.Signal, insisted bool) error {
	if _, alive := i.process(); !alive && !insisted {
		return fmt.Errorf("signalling container %s: %w", i.ID, ErrNotRunning)
	}
	if signal == unix.SIGKILL {
		return i.cgroup().Kill()
	}
	pids, err := i.cgroup().Pids()
	if err != nil {
		return err
	}
	var errs []error
	for _, pid := range pids {
		if err := unix.Kill(pid, signal); err != nil && err != unix.ESRCH {
			errs = append(errs, fmt.Errorf("signalling process %d: %w", pid, err))
		}
	}
	return errors.Join(errs...)
}
