package runtime

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"stave/final/plan"
)

// A stat is what /proc/PID/stat says of a process (proc(5)). Everybody may read it.
type stat struct {
	state byte // R, S, D, …; Z and X for one that has ended
	flags uint64
	// start is when it began, in clock ticks since boot. Together with the pid it tells a process from a later one with the same pid.
	start uint64
}

// forkedOnly is PF_FORKNOEXEC of include/linux/sched.h: the process is a copy of its parent and hasn't executed anything yet.
const forkedOnly = 0x40

// look reads about a process. It returns false for one that has ended, even if nobody has waited for it yet.
func look(pid int) (stat, bool) {
	if pid <= 0 {
		return stat{}, false
	}
	b, err := plan.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, false
	}
	s := parseStat(string(b))
	return s, s.start != 0 && s.state != 'X' && (s.state != 'Z' || threadsLeft(pid))
}

// Started is when a process began, in clock ticks since boot, which together with its pid tells it from a later one with the same pid (proc(5)). It
// is 0 for one that has ended.
func Started(pid int) uint64 {
	s, alive := look(pid)
	if !alive {
		return 0
	}
	return s.start
}

// threadsLeft tells whether a process lives on whose first thread has ended. For a moment that is so in every execve(2) by another thread. A pidfd is readable
// only when the last thread has ended (pidfd_open(2)).
func threadsLeft(pid int) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return wait(fd, unix.POLLIN, 0) == unix.ETIME
}

// parseStat takes fields 3, 9 and 22. The second is the program's name in parentheses and may hold anything; the rest begins after the last of them.
func parseStat(line string) stat {
	f := strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
	if len(f) < 20 || len(f[0]) != 1 {
		return stat{}
	}
	s := stat{state: f[0][0]}
	s.flags, _ = strconv.ParseUint(f[6], 10, 64)
	s.start, _ = strconv.ParseUint(f[19], 10, 64)
	return s
}

// innermostPid is a process's pid in its own pid namespace, for which proc(5) has NSpid. If it can't be read it is the pid out here.
func innermostPid(pid int) int {
	b, err := plan.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return pid
	}
	for line := range strings.Lines(string(b)) {
		if list, ok := strings.CutPrefix(line, "NSpid:"); ok {
			f := strings.Fields(list)
			if n, err := strconv.Atoi(f[len(f)-1]); err == nil {
				return n
			}
		}
	}
	return pid
}
