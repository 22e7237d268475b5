package runtime

import (
	"errors"
	"fmt"
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/cgroup"
	"stave/final/mount"
)

// Delete removes a container that has stopped, and no other ("attempting to delete a container that is not stopped MUST ... generate an error", runtime.md, "Delete"). runc
// also takes one that was created and never started, but nobody relies on it: Podman and CRI-O force it, and containerd kills the process first. With force it ends one that hasn't, calls off one that is being made, and clears what a killed command
// has left; that there is nothing is then no error.
func (r Root) Delete(id string, force bool, warn func(error)) error {
	if !force {
		i, err := r.locked(id)
		if err != nil {
			return err
		}
		defer i.unlock()
		if s := i.Now(); s.Status != specs.StateStopped {
			return fmt.Errorf("cannot delete container %s that is not stopped: %s", id, s.Status)
		}
		return i.destroy(warn)
	}
	dir, err := r.dir(id)
	if err != nil {
		return err
	}
	lock, err := lockDir(dir, func() {
		// Whoever has the lock waits for the process, or for a hook that ends with it. A creator then fails, and clears up by itself.
		if i, err := r.Load(id); err == nil {
			_ = i.end()
		}
	})
	if errors.Is(err, ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("container %s: %w", id, err)
	}
	i, err := r.Load(id)
	if errors.Is(err, ErrNotExist) {
		i, err = &Instance{dir: dir}, nil // a create killed before it could write anything
	}
	if err != nil {
		lock.Close()
		return err
	}
	i.lock = lock
	defer i.unlock()
	return i.destroy(warn)
}

// destroy ends what still runs and removes what create has made, the state last: until then the next delete can go on with it.
func (i *Instance) destroy(warn func(error)) error {
	if err := i.end(); err != nil {
		return fmt.Errorf("ending container %s: %w", i.ID, err)
	}
	if err := cgroup.Remove(i.Cgroups); err != nil {
		return err
	}
	unit, err := i.unit()
	if err == nil && unit != nil {
		err = unit.Stop() // systemd may have seen already that nothing is in it any more
	}
	if err != nil {
		return err
	}
	if err := mount.Detach(i.path(mountDir)); err != nil {
		return err
	}
	if err := i.removeDir(); err != nil {
		return err
	}
	i.poststop(warn)
	return nil
}

// end kills the container's process and waits until it has ended.
func (i *Instance) end() error {
	pid, start := i.orphan()
	if i.Pid > 0 {
		pid, start = i.Pid, i.Start
	}
	if i.frozen() {
		_ = i.cgroup().Kill() // which thaws it, too
	}
	return end(pid, start)
}

// dying is how long a killed process may take, in milliseconds: it may wait for a disk.
const dying = 10_000

// end kills a process, if it is still the one that started then, and waits until it has ended: the pidfd is readable when it has, whoever is
// its parent (pidfd_open(2)).
func end(pid int, start uint64) error {
	if pid <= 0 {
		return nil
	}
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err == unix.ESRCH || err == unix.EINVAL {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening a pidfd of process %d: %w", pid, err)
	}
	defer unix.Close(pidfd)
	if s, alive := look(pid); !alive || s.start != start {
		return nil
	}
	if err := unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0); err != nil && err != unix.ESRCH {
		return fmt.Errorf("killing process %d: %w", pid, err)
	}
	if err := wait(pidfd, unix.POLLIN, dying); err != nil {
		return fmt.Errorf("killing process %d: %w", pid, err)
	}
	return nil
}

// removeDir removes the container's directory, the state last.
func (i *Instance) removeDir() error {
	for _, name := range []string{gateFile, childFile, filterFile, furtherFile, mountDir, "." + stateFile + ".new", stateFile} {
		if err := os.Remove(i.path(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("removing container %s: %w", i.ID, err)
		}
	}
	if err := os.Remove(i.dir); err != nil {
		return fmt.Errorf("removing container %s: %w", i.ID, err)
	}
	return nil
}
