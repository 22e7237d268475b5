package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"stave/final/cgroup"
	"stave/final/image/layer"
	"stave/final/runtime"
)

// Sweep clears away what monitors that died have left: a process that outlived its monitor, cgroups, directories.
func (e *Engine) Sweep() error {
	unlock, err := e.lockAll()
	if err != nil {
		return err
	}
	defer unlock()
	entries, err := os.ReadDir(e.containers())
	if err != nil {
		return fmt.Errorf("listing containers: %w", err)
	}
	var errs []error
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		dir := filepath.Join(e.containers(), entry.Name())
		lock, err := lockDead(dir)
		if errors.Is(err, unix.EWOULDBLOCK) {
			continue // its monitor lives
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, e.clear(dir))
		lock.Close()
	}
	return errors.Join(append(errs, e.sweepToolbox())...)
}

// dying is how long a child that was forked and has not become the program yet may outlive its monitor.
const dying = time.Second

// lockDead takes the lock of a container whose monitor is gone. A child that is still about to die holds the lock it was forked with a moment
// longer, and only the record tells that from a monitor that lives.
func lockDead(dir string) (*os.File, error) {
	for deadline := time.Now().Add(dying); ; time.Sleep(time.Millisecond) {
		lock, err := lockFile(filepath.Join(dir, "lock"), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) || time.Now().After(deadline) {
			return lock, err
		}
		if r, rerr := readRecord(dir); rerr != nil || runtime.Started(r.Monitor) == r.MonitorStart {
			return nil, err
		}
	}
}

// clear removes everything a dead container's record names, and the record last. One that can't be read stays.
func (e *Engine) clear(dir string) error {
	r, err := readRecord(dir)
	if err != nil {
		// No reason for other containers not to run. What there may be to clear isn't known.
		fmt.Fprintf(os.Stderr, "stave: warning: %v: repair it, or remove %s\n", err, dir)
		return nil
	}
	if r.Pid > 0 {
		killSurvivor(r.Pid, r.Start)
	}
	if err := cgroup.Remove(r.Cgroups); err != nil {
		return err
	}
	return e.removeDir(dir)
}

// killSurvivor ends a process if it is still the one that was recorded, and waits for its end. A pidfd makes sure that it's that one which is killed.
func killSurvivor(pid int, start uint64) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if runtime.Started(pid) != start {
		return
	}
	if unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) == nil {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		for {
			if _, err := unix.Poll(poll, 5000); err != unix.EINTR {
				return
			}
		}
	}
}

// removeDir removes a directory of ours. Files in it may belong to subordinate ids, which only root of a user namespace can remove.
func (e *Engine) removeDir(dir string) error {
	err := layer.Remove(dir)
	if err != nil && e.mapping != nil && e.mapping.Helpers {
		var code int
		if code, err = e.mapping.Enter(append(e.self(), "remove-tree", dir)); err == nil && code != 0 {
			err = fmt.Errorf("it ended with %d", code)
		}
	}
	if err != nil {
		return fmt.Errorf("removing %s: %w", dir, err)
	}
	return nil
}
