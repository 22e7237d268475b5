package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"stave/final/cgroup"
)

// itself is the machine itself, where a job is a process like any other.
type itself struct{ workshop }

func (h itself) command(ctx context.Context, job ...string) *exec.Cmd {
	return exec.CommandContext(ctx, h.job, job...)
}

func (h itself) file() string { return filepath.Join(h.dir, "file") }
func (h itself) said() string { return "" }

// container is stave's, from the image toolbox.
type container struct {
	workshop
	limit string // of memory; empty where none can be set
}

// memory is what a container may use and what a virtual machine gets, in MiB.
const memory = 256

func (c container) command(ctx context.Context, job ...string) *exec.Cmd {
	args := []string{"--root", c.root, "run", "--interactive", "--network", "none", "--volume", c.job + ":/job:ro"}
	if c.limit != "" {
		args = append(args, "--memory", c.limit)
	}
	cmd := exec.CommandContext(ctx, c.stave, append(append(args, "toolbox", "/job"), job...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) } // it clears up after itself, if it is let
	return cmd
}

func (c container) file() string { return "/file" }
func (c container) said() string { return "" }

// prepare makes the image, and finds out whether there can be a limit of memory, which makes what the kernel uses visible.
func (c *container) prepare(ctx context.Context) error {
	c.limit = fmt.Sprint(memory, "M")
	if _, _, err := ask[any](ctx, c, 10*patience, "hello"); err == nil || ctx.Err() != nil {
		return err
	}
	c.limit = ""
	_, _, err := ask[any](ctx, c, patience, "hello")
	return err
}

// children are a process's, as its first thread has them: proc_pid_task_tid_children(5) may need a kernel that has it.
func children(pid int) ([]int, error) {
	var list []int
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil, err
	}
	for _, file := range tasks {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for word := range strings.FieldsSeq(string(b)) {
			var child int
			if _, err := fmt.Sscan(word, &child); err != nil {
				return nil, err
			}
			list = append(list, child)
		}
	}
	return list, nil
}

// kernelMemory is what the kernel itself uses for a process's cgroup, in bytes: its stacks, page tables, inodes. It is 0 if the
// process shares its cgroup with others than stave's.
func kernelMemory(pid int) int64 {
	layout, err := cgroup.Detect()
	if err != nil {
		return 0
	}
	h, ok := layout.With("memory")
	if !ok {
		return 0
	}
	own, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return 0
	}
	path, ok := cgroupOf(string(own), "memory", h.V2)
	if !ok || !strings.HasPrefix(filepath.Base(path), "stave-") {
		return 0
	}
	dir := filepath.Join(h.Mount, path)
	if h.V2 {
		return statField(filepath.Join(dir, "memory.stat"), "kernel")
	}
	return readNumber(filepath.Join(dir, "memory.kmem.usage_in_bytes"))
}

// cgroupOf finds a controller's line in the form of proc_pid_cgroup(5).
func cgroupOf(text, controller string, v2 bool) (string, bool) {
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) == 3 && (v2 && f[1] == "" || !v2 && strings.Contains(","+f[1]+",", ","+controller+",")) {
			return f[2], true
		}
	}
	return "", false
}
