package host

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Process is a running program.
type Process struct {
	PID     int
	Start   string // clock ticks after boot; with PID it tells a process from a later one of the same number
	Parent  int
	Command string
	Tie     string // what ties it to a directory, in words; see Tied
	state   byte
}

func (p Process) String() string { return fmt.Sprintf("process %d (%s)", p.PID, p.Command) }

// proc is where a process's file is.
func (p Process) proc(name string) string { return fmt.Sprintf("/proc/%d/%s", p.PID, name) }

const zombie = 'Z'

// kthreadd is the parent of all kernel threads.
const kthreadd = 2

// processes lists all but ourselves, the kernel's own, and the dead whose parents have yet to wait for them: those hold
// nothing any more.
func processes() ([]Process, error) {
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var list []Process
	for _, dir := range dirs {
		pid, err := strconv.Atoi(dir.Name())
		if err != nil || pid == os.Getpid() || pid == kthreadd {
			continue
		}
		p, err := readProcess(pid)
		if err != nil || p.Parent == kthreadd || p.state == zombie {
			continue // an error means it has gone in the meantime
		}
		list = append(list, p)
	}
	return list, nil
}

func readProcess(pid int) (Process, error) {
	p := Process{PID: pid}
	stat, err := os.ReadFile(p.proc("stat"))
	if err != nil {
		return p, err
	}
	// pid (comm) state ppid ... starttime is field 22; comm may hold blanks and parentheses. proc_pid_stat(5).
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || end < 0 {
		return p, fmt.Errorf("%s is not as expected: %q", p.proc("stat"), stat)
	}
	fields := strings.Fields(string(stat[end+1:]))
	const state, parent, start = 0, 1, 19
	if len(fields) <= start {
		return p, fmt.Errorf("%s is too short: %q", p.proc("stat"), stat)
	}
	p.state, p.Start = fields[state][0], fields[start]
	p.Parent, _ = strconv.Atoi(fields[parent])
	p.Command = string(stat[open+1 : end])
	if line, err := os.ReadFile(p.proc("cmdline")); err == nil && len(line) > 0 {
		p.Command = strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " "))
	}
	return p, nil
}

// tie says what ties a process to dir, in words, or nothing.
func (p Process) tie(dir string, ourMountNamespace string) string {
	for _, link := range []struct{ name, words string }{
		{"cwd", "is in it"},
		{"root", "has its root there"},
		{"exe", "was started from there"},
	} {
		if target, err := os.Readlink(p.proc(link.name)); err == nil && mentions(target, dir) {
			return link.words
		}
	}
	if env, err := os.ReadFile(p.proc("environ")); err == nil && mentions(string(env), dir) {
		return "has it in its environment"
	}
	// In our own mount namespace everybody sees the same mounts, and they are looked at once.
	if ns, err := os.Readlink(p.proc("ns/mnt")); err != nil || ns == ourMountNamespace {
		return ""
	}
	mounts, err := readMounts(p.proc("mountinfo"))
	if err != nil {
		return ""
	}
	for _, m := range mounts {
		if m.mentions(dir) {
			return fmt.Sprintf("has, in a mount namespace of its own, a %s", m)
		}
	}
	return ""
}

// ancestors are the processes that wait for this one: go test, the shell it was typed into, and so on.
func ancestors() map[int]bool {
	found := make(map[int]bool)
	for pid := os.Getppid(); pid > 0 && !found[pid]; {
		found[pid] = true
		p, err := readProcess(pid)
		if err != nil {
			break
		}
		pid = p.Parent
	}
	return found
}

// descendants leaves those processes that we have started, or that somebody has whom we have started.
func descendants(all []Process) []Process {
	parent := make(map[int]int)
	for _, p := range all {
		parent[p.PID] = p.Parent
	}
	return slices.DeleteFunc(slices.Clone(all), func(p Process) bool {
		pid := p.PID
		for pid != 0 && pid != os.Getpid() {
			pid = parent[pid] // 0 for process 1, and for one that isn't in the list
		}
		return pid == 0
	})
}

func ownNamespace(kind string) string {
	ns, _ := os.Readlink(filepath.Join("/proc/thread-self/ns", kind))
	return ns
}
