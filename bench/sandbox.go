package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A sandbox is a machine of the benchmark's own as far as namespaces go: processes, mounts and networks in there are gone when its
// first process is, whatever becomes of this one. Only cgroups and files stay: they are below cgroup and dir, and cleared from outside.
type sandbox struct {
	dir    string
	cgroup string // of every hierarchy, as a path from its top
}

// self is this program's name, by which its tests know it, too.
const self = "bench"

// run has this program do args in the sandbox. Its first process ends with this one.
func (s sandbox) run(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", args...)
	cmd.Args[0] = self
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "HOME="+s.dir, "XDG_RUNTIME_DIR=", "CGO_ENABLED=0")
	cmd.Env = slices.DeleteFunc(cmd.Env, func(e string) bool { return strings.HasPrefix(e, "DOCKER_") || strings.HasPrefix(e, "CONTAINER") })
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC,
		Setpgid:    true, // a Ctrl-C is for us, who end it
		Pdeathsig:  unix.SIGKILL,
	}
	return cmd.Run()
}

// close removes what was left outside. The kernel may take a moment to empty a cgroup.
func (s sandbox) close() error {
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := s.removeCgroups()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return leftError{"the cgroups " + s.cgroup, err}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (s sandbox) removeCgroups() error {
	tops, err := filepath.Glob("/sys/fs/cgroup/*" + s.cgroup)
	if err != nil {
		return err
	}
	var errs []error
	for _, top := range append(tops, filepath.Join("/sys/fs/cgroup", s.cgroup)) {
		var dirs []string
		_ = filepath.WalkDir(top, func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, name)
			}
			return nil // what is gone needs no removing
		})
		for _, dir := range slices.Backward(dirs) {
			if err := unix.Rmdir(dir); err != nil && err != unix.ENOENT {
				errs = append(errs, fmt.Errorf("removing %s: %w", dir, err))
			}
		}
	}
	return errors.Join(errs...)
}

// unified is version 2 of cgroups where version 1 is used, too.
const unified = "/sys/fs/cgroup/unified"

// furnish makes the inside of a sandbox. In it version 2 of cgroups isn't mounted where version 1 is: crun refuses a machine where both
// have controllers, and all are to be measured on the same.
func furnish() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil { //nolint:forbidigo // no container runs yet: nobody could exchange a link
		return fmt.Errorf("making mounts private: %w", err)
	}
	for _, m := range [][2]string{{"proc", "/proc"}, {"tmpfs", "/run"}, {"tmpfs", "/dev/shm"}} {
		if err := unix.Mount(m[0], m[1], m[0], unix.MS_NOSUID|unix.MS_NODEV, ""); err != nil { //nolint:forbidigo // no container runs yet: nobody could exchange a link
			return fmt.Errorf("mounting %s: %w", m[1], err)
		}
	}
	if _, err := os.Stat(unified); err == nil {
		if err := unix.Unmount(unified, unix.MNT_DETACH); err != nil { //nolint:forbidigo // no container runs yet: nobody could exchange a link
			return fmt.Errorf("unmounting %s: %w", unified, err)
		}
	}
	return nil
}

// asInit runs this program once more as a child, and takes in all orphans until that ends. A benchmark that did both itself would take the ends of
// its own children for those of orphans.
func asInit(args ...string) (code int, err error) {
	if err := furnish(); err != nil {
		return 0, err
	}
	child, err := os.StartProcess("/proc/self/exe", append([]string{self}, args...), &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}})
	if err != nil {
		return 0, err
	}
	for {
		var ws unix.WaitStatus
		pid, err := unix.Wait4(-1, &ws, 0, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, fmt.Errorf("waiting for processes: %w", err)
		case pid == child.Pid && ws.Signaled():
			return 128 + int(ws.Signal()), nil
		case pid == child.Pid:
			return ws.ExitStatus(), nil
		}
	}
}
