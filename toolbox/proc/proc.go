// Package proc reads what the kernel says about processes; see proc(5).
package proc

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A Process is one directory of /proc, as it was when it was read.
type Process struct {
	PID, PPID, PGID, SID int
	Name                 string   // at most 15 bytes; see comm in proc_pid_comm(5)
	Args                 []string // empty for kernel threads and zombies
	State                byte     // R, S, D, Z, T and others
	Terminal             int      // device number of the controlling terminal, 0 for none
	Foreground           int      // process group in the foreground of that terminal
	UID                  uint32   // effective, the owner of /proc/PID
	Nice                 int
	Threads              int
	User, System         uint64 // CPU time, in ticks of 1/100 s
	Start                uint64 // after boot, in ticks of 1/100 s
	Virtual, Resident    uint64 // memory, bytes
}

// TicksPerSecond is USER_HZ, which has been 100 on every architecture Stave runs on since it was fixed in the ABI.
const TicksPerSecond = 100

// All returns every process that can be seen, in the order of their ids. One that ends meanwhile is left out.
func All() ([]Process, error) {
	names, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("/proc is empty: mount -t proc proc /proc")
	}
	var all []Process
	for _, name := range names {
		pid, err := strconv.Atoi(filepath.Base(name))
		if err != nil {
			continue
		}
		if p, err := Read(pid); err == nil {
			all = append(all, p)
		}
	}
	return all, nil
}

// Read returns one process.
func Read(pid int) (Process, error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return Process{}, err
	}
	p, err := parse(string(stat))
	if err != nil {
		return Process{}, fmt.Errorf("%s/stat: %w", dir, err)
	}
	var owner unix.Stat_t
	if err := unix.Stat(dir, &owner); err != nil {
		return Process{}, &os.PathError{Op: "stat", Path: dir, Err: err}
	}
	p.UID = owner.Uid
	// The rest of the process is worth showing even where its arguments are kept from us.
	if cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline")); err == nil && len(cmdline) > 0 {
		p.Args = strings.Split(strings.TrimRight(string(cmdline), "\x00"), "\x00")
	}
	return p, nil
}

// parse takes /proc/PID/stat apart; see proc_pid_stat(5). The name, the second field, may contain anything.
func parse(stat string) (Process, error) {
	open, end := strings.IndexByte(stat, '('), strings.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return Process{}, fmt.Errorf("no name in %q", stat)
	}
	// What follows the name starts with field 3, the state.
	fields := strings.Fields(stat[end+1:])
	const first, last = 3, 24
	if len(fields) <= last-first {
		return Process{}, fmt.Errorf("too short: %q", stat)
	}
	if state := fields[0]; len(state) != 1 || !strings.Contains("RSDZTtXxKWPI", state) {
		return Process{}, fmt.Errorf("%q is not a state: %q", state, stat)
	}
	field := func(n int) int64 {
		value, _ := strconv.ParseInt(fields[n-first], 10, 64) // the kernel writes numbers
		return value
	}
	pid, err := strconv.Atoi(strings.TrimSpace(stat[:open]))
	if err != nil {
		return Process{}, err
	}
	return Process{
		PID: pid, Name: stat[open+1 : end], State: fields[0][0],
		PPID: int(field(4)), PGID: int(field(5)), SID: int(field(6)),
		Terminal: int(field(7)), Foreground: int(field(8)),
		User: uint64(field(14)), System: uint64(field(15)),
		Nice: int(field(19)), Threads: int(field(20)), Start: uint64(field(22)),
		Virtual: uint64(field(23)), Resident: uint64(field(24)) * uint64(os.Getpagesize()),
	}, nil
}

// Command is the command line as ps shows it: the arguments, or the name in brackets where there are none.
func (p *Process) Command() string {
	if len(p.Args) == 0 {
		return "[" + p.Name + "]"
	}
	return strings.Join(p.Args, " ")
}
