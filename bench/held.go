package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// A holder makes containers that stay.
type holder struct {
	program string
	make    [][]string
	// runs says that the container runs by itself, and stays that the last command doesn't end before it does.
	runs, stays bool
	drop        [][]string
}

// held is the memory of all processes that so many containers leave behind, the container's own included: proportional shares, in bytes for each container. The processes
// are those that weren't there before: nothing else runs in the sandbox.
func (a *arena) held(ctx context.Context, h holder, n int) (f figure) {
	f.Program = h.program
	value, err := a.stay(ctx, h, n)
	if err != nil {
		f.Why = err.Error()
		return f
	}
	f.Value, f.Samples = value, []float64{value}
	return f
}

func (a *arena) stay(ctx context.Context, h holder, n int) (_ float64, err error) {
	before := pids()
	var ids []string
	var staying []*exec.Cmd
	defer func() {
		for _, id := range ids {
			for _, command := range h.drop {
				_, dropErr := a.do(context.WithoutCancel(ctx), id, command)
				err = errors.Join(err, dropErr)
			}
		}
		for _, cmd := range staying {
			_ = cmd.Process.Kill() // and its container goes with it
			_ = cmd.Wait()         // its exit code is the signal's
		}
	}()
	for range n {
		id := a.id()
		ids = append(ids, id)
		commands := h.make
		if h.stays {
			last := commands[len(commands)-1]
			commands = commands[:len(commands)-1]
			cmd := exec.CommandContext(ctx, last[0], last[1:]...)
			if err := cmd.Start(); err != nil {
				return 0, err
			}
			staying = append(staying, cmd)
		}
		if err := a.all(ctx, id, commands); err != nil {
			return 0, err
		}
	}
	if h.runs {
		if err := untilRunning(n); err != nil {
			return 0, err
		}
	}
	var total int64
	for pid := range pids() {
		if before[pid] {
			continue
		}
		one, err := proportional(pid)
		if err != nil && alive(pid) {
			return 0, err
		}
		total += one
	}
	return float64(total) / float64(n), nil
}

// alive tells whether a process is there and has memory: one that has ended and wasn't waited for has none.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	return err == nil && !strings.HasPrefix(string(b), "0 ")
}

// pids are all processes of the sandbox.
func pids() map[int]bool {
	all := map[int]bool{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			all[pid] = true
		}
	}
	return all
}

// untilRunning waits until so many containers run their program.
func untilRunning(n int) error {
	for deadline := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
		found := 0
		for pid := range pids() {
			if exe, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); string(exe) == "pause\n" {
				found++
			}
		}
		if found >= n {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("only %d of %d containers have come to run", found, n)
		}
	}
}
