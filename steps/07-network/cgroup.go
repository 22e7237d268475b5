package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// limits is what all processes of the container may use together. A cgroup holds them to it, see cgroups(7).
type limits struct {
	Memory string
	CPUs   float64
	PIDs   int
	dirs   []string // the cgroups made: with cgroup v2 one for all controllers, with v1 one for each
}

func (l *limits) flags(run *cobra.Command) {
	run.Flags().StringVar(&l.Memory, "memory", "", "no more memory than this, and no swap: `bytes`, or a number with K, M or G")
	run.Flags().Float64Var(&l.CPUs, "cpus", 0, "no more processor time than this `number` of processors has, such as 0.5")
	run.Flags().IntVar(&l.PIDs, "pids-limit", 0, "no more processes than this `number`; the threads of our process 1 count, too")
}

// create makes the cgroups and writes the limits. A file that only v1 or only v2 has is written where it is found; see
// cgroup-v2.rst and cgroup-v1/ in Documentation/admin-guide of the kernel's source.
func (l *limits) create() error {
	sweep()
	quota := strconv.Itoa(int(l.CPUs * 100_000)) // µs in every 100 ms, the kernel's default period
	for _, limit := range []struct {
		wanted     bool
		controller string
		files      [][2]string
	}{
		{l.Memory != "", "memory", [][2]string{{"memory.max", l.Memory}, {"memory.swap.max", "0"},
			{"memory.limit_in_bytes", l.Memory}, {"memory.memsw.limit_in_bytes", l.Memory}}},
		{l.CPUs != 0, "cpu", [][2]string{{"cpu.max", quota}, {"cpu.cfs_quota_us", quota}}},
		{l.PIDs != 0, "pids", [][2]string{{"pids.max", strconv.Itoa(l.PIDs)}}},
	} {
		if !limit.wanted {
			continue
		}
		err := l.set(limit.controller, limit.files)
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: run as the real root, or with cgroup v2 in \"systemd-run --user --scope -p Delegate=yes bash\"", err)
		}
		if err != nil {
			return fmt.Errorf("limiting %s: %w", limit.controller, err)
		}
	}
	return nil
}

func (l *limits) set(controller string, files [][2]string) error {
	parent, err := find(controller)
	if err != nil {
		return err
	}
	dir := fmt.Sprintf("%s/stave-%d", parent, os.Getpid())
	if !slices.Contains(l.dirs, dir) {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		l.dirs = append(l.dirs, dir)
	}
	limited := false
	for _, f := range files {
		err := write(dir+"/"+f[0], f[1])
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		limited = limited || err == nil
	}
	if !limited {
		return errors.New("this kernel can't") // such as one built without CONFIG_CFS_BANDWIDTH
	}
	return nil
}

// find returns the directory to make a cgroup in. A controller is in one of three places, if anywhere, and what is mounted
// there, cgroup v1, v2 or nothing, statfs(2) tells.
func find(controller string) (string, error) {
	for _, top := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/" + controller} {
		var is unix.Statfs_t
		switch err := unix.Statfs(top, &is); {
		case err == nil && is.Type == unix.CGROUP_SUPER_MAGIC:
			return top, nil
		case err == nil && is.Type == unix.CGROUP2_SUPER_MAGIC && lists(top+"/cgroup.controllers", controller):
			return handDown(top, controller)
		}
	}
	return "", errors.New("the kernel has no such controller here: see /proc/cgroups")
}

// handDown has a v2 cgroup hand a controller down to those below. Except for the topmost, a cgroup that does so can hold no
// processes, so ours can't be below our own. An ordinary user's goes beside it, if the one above was delegated to them.
func handDown(dir, controller string) (string, error) {
	if unix.Access(dir, unix.W_OK) != nil {
		dir = filepath.Dir(dir + own())
	}
	if lists(dir+"/cgroup.subtree_control", controller) {
		return dir, nil
	}
	err := write(dir+"/cgroup.subtree_control", "+"+controller) // and so it stays: others may need it by then
	if errors.Is(err, unix.EBUSY) {
		err = fmt.Errorf("%w: the processes in there have to be moved to a cgroup below it first", err)
	}
	return dir, err
}

// own returns the name of the v2 cgroup we are in ourselves.
func own() string {
	lines, _ := os.ReadFile("/proc/self/cgroup")
	_, rest, _ := strings.Cut("\n"+string(lines), "\n0::")
	name, _, _ := strings.Cut(rest, "\n")
	return name
}

func lists(path, controller string) bool {
	controllers, _ := os.ReadFile(path)
	return slices.Contains(strings.Fields(string(controllers)), controller)
}

// write is for files that the kernel makes; os.WriteFile would try to make one that is missing.
func write(path, value string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.WriteString(value)
	return err
}

// join moves the child into the cgroups while it waits for its configuration: nothing the program does escapes the limits.
func (l *limits) join(pid int) error {
	for _, dir := range l.dirs {
		if err := write(dir+"/cgroup.procs", strconv.Itoa(pid)); err != nil {
			return fmt.Errorf("joining the cgroup: %w", err)
		}
	}
	return nil
}

// remove removes the cgroups, and says so if the memory was too little.
func (l *limits) remove() {
	for _, dir := range l.dirs {
		for _, file := range []string{"/memory.events", "/memory.oom_control"} { // of v2, of v1
			events, _ := os.ReadFile(dir + file)
			_, rest, found := strings.Cut(string(events), "\noom_kill ")
			if killed, _, _ := strings.Cut(rest, "\n"); found && killed != "0" {
				fmt.Fprintf(os.Stderr, "step: out of memory: the kernel killed %s of the container's processes\n", killed)
			}
		}
		if err := rmdir(dir); err != nil {
			fmt.Fprintf(os.Stderr, "step: removing %s: %v\n", dir, err)
		}
	}
}

// rmdir removes a cgroup when it is empty: a killed process leaves it a moment after wait(2) has told of the death.
func rmdir(dir string) error {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		if err := unix.Rmdir(dir); err != unix.EBUSY || time.Now().After(deadline) {
			return err
		}
	}
}

// sweep removes what a step left behind that SIGKILL gave no time to do it.
func sweep() {
	for _, parent := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*", filepath.Dir("/sys/fs/cgroup" + own())} {
		for _, dir := range leftovers(parent + "/stave-[0-9]*") {
			rmdir(dir)
		}
	}
}

// leftovers lists the files named after a process that is no more.
func leftovers(pattern string) []string {
	paths, _ := filepath.Glob(pattern)
	return slices.DeleteFunc(paths, func(path string) bool {
		pid, err := strconv.Atoi(path[strings.LastIndex(path, "-")+1:])
		return err != nil || unix.Kill(pid, 0) != unix.ESRCH
	})
}
