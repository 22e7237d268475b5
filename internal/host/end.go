package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Kill sends SIGKILL to this very process, and not to another that has got its number since.
func (p Process) Kill() error {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	now, err := readProcess(p.PID)
	if err != nil {
		return err
	}
	if now.Start != p.Start {
		return unix.ESRCH
	}
	return unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
}

// CgroupsOf returns Stave's cgroups that one of the processes is in, or that are named after one, as a step names its
// container's.
func CgroupsOf(processes []Process) ([]string, error) {
	all, err := cgroups()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(dir string) bool {
		procs, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err != nil || !isStaves(dir) {
			return true
		}
		members := strings.Fields(string(procs))
		return !slices.ContainsFunc(processes, func(p Process) bool {
			return slices.Contains(members, strconv.Itoa(p.PID)) || filepath.Base(dir) == fmt.Sprintf("stave-%d", p.PID)
		})
	}), nil
}

// Thaw lets the processes of a cgroup go on. A frozen one of cgroup v1 can't even be killed; see freezer-subsystem.rst and
// cgroup.freeze in cgroup-v2.rst.
func Thaw(cgroup string) {
	for file, text := range map[string]string{"freezer.state": "THAWED", "cgroup.freeze": "0"} {
		if f, err := os.OpenFile(filepath.Join(cgroup, file), os.O_WRONLY, 0); err == nil {
			_, _ = f.WriteString(text) // if it isn't frozen, there is nothing to do
			f.Close()
		}
	}
}

// RemoveCgroup removes a cgroup whose processes have been killed. They leave it a moment later.
func RemoveCgroup(dir string) error {
	left := waitForNone(Slow(Patience), func() []string {
		if err := unix.Rmdir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return []string{err.Error()}
		}
		return nil
	})
	if len(left) > 0 {
		return fmt.Errorf("removing %s: %s", dir, left[0])
	}
	return nil
}
