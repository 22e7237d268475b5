package book

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// process is one that a transcript has started.
type process struct {
	pid     int
	command string
}

func (p process) String() string { return fmt.Sprintf("process %d (%s)", p.pid, p.command) }

// processes belong to a stage if they are in its shells' sessions, setsid(2), are in its directory, or have that in their
// environment.
func (s *stage) processes() []process {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var leaders []string
	for _, session := range s.sessions {
		leaders = append(leaders, strconv.Itoa(session.shell.Process.Pid))
	}
	var list []process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		// Errors mean that it has gone, or is somebody else's.
		file := func(name string) string { return fmt.Sprintf("/proc/%d/%s", pid, name) }
		stat, _ := os.ReadFile(file("stat"))
		// pid (comm) state ppid pgrp session ...; see proc_pid_stat(5).
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) < 4 || fields[0] == "Z" { // a zombie holds nothing any more
			continue
		}
		where, _ := os.Readlink(file("cwd"))
		environment, _ := os.ReadFile(file("environ"))
		if slices.Contains(leaders, fields[3]) || strings.HasPrefix(where, s.dir+"/") || bytes.Contains(environment, []byte(s.dir)) {
			line, _ := os.ReadFile(file("cmdline"))
			list = append(list, process{pid, strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " "))})
		}
	}
	return list
}

// strangers are the files and directories in the copy that git doesn't know and isn't told to ignore. Without git there are none.
func (s *stage) strangers() []string {
	git := exec.Command("git", "-c", "safe.directory=*", "--git-dir="+s.git, "--work-tree=.", "ls-files", "-z", "--others", "--directory", "--exclude-standard")
	git.Dir = s.top()
	out, err := git.Output()
	if err != nil {
		return nil
	}
	return names(out)
}

// pollInterval: a process that isn't our child gives no event when it goes.
const pollInterval = 20 * time.Millisecond

// remaining waits for a stage's processes to end, and returns those that don't.
func (s *stage) remaining(patience time.Duration) []process {
	deadline := time.Now().Add(patience)
	for {
		left := s.processes()
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
		time.Sleep(pollInterval)
	}
}

// kill ends a stage's processes.
func (s *stage) kill() {
	const rounds = 100 // while some are ended, others may still start new ones
	for range rounds {
		left := s.processes()
		if len(left) == 0 {
			return
		}
		for _, p := range left {
			_ = unix.Kill(p.pid, unix.SIGKILL) // ESRCH: it has gone by itself
		}
		time.Sleep(pollInterval)
	}
}
