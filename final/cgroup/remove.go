package cgroup

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long the kernel may take to empty a cgroup whose processes were all killed. It takes microseconds, unless one of them waits for a
// disk.
const patience = 5 * time.Second

// Remove kills what still runs in the directories and removes them, with those that the container made below. One that is gone already
// is no error.
func Remove(dirs []string) error {
	var errs []error
	for _, d := range dirs {
		errs = append(errs, Open(dirs).remove(d))
	}
	return errors.Join(errs...)
}

func (g Group) remove(dir string) error {
	deadline := time.Now().Add(patience)
	for wait := 100 * time.Microsecond; ; wait = min(2*wait, 20*time.Millisecond) {
		err := unix.Rmdir(dir)
		if err == nil || err == unix.ENOENT {
			return nil
		}
		if err != unix.EBUSY && err != unix.ENOTEMPTY || time.Now().After(deadline) {
			return fmt.Errorf("removing the cgroup %s: %w", dir, err)
		}
		if err := g.Kill(); err != nil && time.Now().After(deadline) {
			return err
		}
		below, _ := os.ReadDir(dir)
		for _, entry := range below {
			if entry.IsDir() {
				_ = g.remove(filepath.Join(dir, entry.Name())) // if it stays, so does dir, and that is told
			}
		}
		time.Sleep(wait) // rmdir(2) is the only question the kernel answers on both versions
	}
}

// OOMKills is how many processes of the cgroup the kernel killed because memory ran out: memory.events on version 2,
// memory.oom_control on version 1. Without either it is zero.
func OOMKills(dirs []string) int {
	for _, d := range dirs {
		for _, name := range []string{"memory.events", "memory.oom_control"} {
			if n, ok := field(filepath.Join(d, name), "oom_kill"); ok {
				return n
			}
		}
	}
	return 0
}

// field reads one number of a file of lines such as "oom_kill 1".
func field(file, key string) (int, bool) {
	f, err := os.Open(file)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, value, ok := strings.Cut(s.Text(), " "); ok && name == key {
			n, err := strconv.Atoi(value)
			return n, err == nil
		}
	}
	return 0, false
}
