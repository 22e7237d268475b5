package sh

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

var errNoControl = errors.New("no job control here: the terminal is not this shell's own")

// current returns the job that fg and bg mean.
func (s *shell) current(args []string) (*job, error) {
	if s.control == nil {
		return nil, errNoControl
	}
	name := "%+"
	if len(args) > 1 {
		name = args[1]
	}
	if len(s.jobs) == 0 {
		return nil, errors.New("no jobs")
	}
	return s.find(name)
}

// jobTarget is what kill takes for a job: its process group, or where it has none its first process.
func jobTarget(j *job) string {
	if j.group != 0 {
		return strconv.Itoa(-j.group)
	}
	return strconv.Itoa(j.processes[0].pid)
}

// umask returns the process's file mode creation mask, which can only be read by setting it; see umask(2).
func umask() int {
	mask := unix.Umask(0)
	unix.Umask(mask)
	return mask
}

func setUmask(mask int) { unix.Umask(mask) }

func umaskCommand(s *shell, args []string) error {
	s.status = success
	if len(args) == 1 {
		s.printf("%04o\n", umask())
		return nil
	}
	mask, err := strconv.ParseUint(args[1], 8, 16)
	if err != nil || mask > 0o777 {
		return s.refuse("umask: %s: an octal mask is needed", args[1])
	}
	setUmask(int(mask))
	return nil
}

// limits ulimit knows; see getrlimit(2). The unit is what a value is multiplied by.
var limits = []struct {
	letter   byte
	resource int
	unit     uint64
	text     string
}{
	{'c', unix.RLIMIT_CORE, 512, "core file size (512-byte blocks)"},
	{'d', unix.RLIMIT_DATA, 1024, "data segment (KiB)"},
	{'f', unix.RLIMIT_FSIZE, 512, "file size (512-byte blocks)"},
	{'l', unix.RLIMIT_MEMLOCK, 1024, "locked memory (KiB)"},
	{'n', unix.RLIMIT_NOFILE, 1, "open files"},
	{'s', unix.RLIMIT_STACK, 1024, "stack (KiB)"},
	{'t', unix.RLIMIT_CPU, 1, "CPU time (seconds)"},
	{'u', unix.RLIMIT_NPROC, 1, "processes of this user"},
	{'v', unix.RLIMIT_AS, 1024, "address space (KiB)"},
}

func ulimit(s *shell, args []string) error {
	s.status = success
	hard, soft, all := false, false, false
	letter := byte('f')
	words := args[1:]
	for ; len(words) > 0 && len(words[0]) > 1 && words[0][0] == '-'; words = words[1:] {
		for _, c := range []byte(words[0][1:]) {
			switch c {
			case 'H':
				hard = true
			case 'S':
				soft = true
			case 'a':
				all = true
			default:
				letter = c
			}
		}
	}
	known := false
	for _, l := range limits {
		if !all && l.letter != letter {
			continue
		}
		known = true
		var limit unix.Rlimit
		if err := unix.Getrlimit(l.resource, &limit); err != nil {
			return s.refuse("ulimit: %v", err)
		}
		if len(words) > 0 && !all {
			return s.setLimit(l.resource, l.unit, words[0], hard, soft, limit)
		}
		value := limit.Cur
		if hard {
			value = limit.Max
		}
		text := strconv.FormatUint(value/l.unit, 10)
		if value == unix.RLIM_INFINITY {
			text = "unlimited"
		}
		if all {
			text = fmt.Sprintf("-%c  %-34s %s", l.letter, l.text, text)
		}
		s.printf("%s\n", text)
	}
	if !known {
		return s.refuse("ulimit: -%c: no such limit", letter)
	}
	return nil
}

func (s *shell) setLimit(resource int, unit uint64, text string, hard, soft bool, limit unix.Rlimit) error {
	value := uint64(unix.RLIM_INFINITY)
	if !strings.EqualFold(text, "unlimited") {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return s.refuse("ulimit: %s: a number is needed, or unlimited", text)
		}
		value = n * unit
	}
	if soft || !hard {
		limit.Cur = value
	}
	if hard || !soft {
		limit.Max = value
	}
	if err := unix.Setrlimit(resource, &limit); err != nil {
		s.errorf("ulimit: %v", err)
		s.status = failure
	}
	return nil
}
