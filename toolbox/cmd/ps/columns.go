package ps

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"stave/toolbox/account"
	"stave/toolbox/proc"
)

// A column is something ps can show of a process.
type column struct {
	title string
	right bool // aligned to the right, as numbers are
	cell  func(*proc.Process) string
}

// find returns the columns with the given names, in that order.
func find(names []string) ([]column, error) {
	known := columns()
	var found []column
	for _, name := range names {
		name, title, renamed := strings.Cut(name, "=") // -o pid= has no title
		c, ok := known[name]
		if !ok {
			return nil, fmt.Errorf("%q is not a column: they are pid ppid pgid sid user uid tty stat nice nlwp vsz rss time etime comm args", name)
		}
		if renamed {
			c.title = title
		}
		found = append(found, c)
	}
	return found, nil
}

func columns() map[string]column {
	var names account.Names
	number := func(title string, value func(*proc.Process) int) column {
		return column{title, true, func(p *proc.Process) string { return strconv.Itoa(value(p)) }}
	}
	all := map[string]column{
		"pid":   number("PID", func(p *proc.Process) int { return p.PID }),
		"ppid":  number("PPID", func(p *proc.Process) int { return p.PPID }),
		"pgid":  number("PGID", func(p *proc.Process) int { return p.PGID }),
		"sid":   number("SID", func(p *proc.Process) int { return p.SID }),
		"uid":   number("UID", func(p *proc.Process) int { return int(p.UID) }),
		"nice":  number("NI", func(p *proc.Process) int { return p.Nice }),
		"nlwp":  number("NLWP", func(p *proc.Process) int { return p.Threads }),
		"vsz":   number("VSZ", func(p *proc.Process) int { return int(p.Virtual / 1024) }),
		"rss":   number("RSS", func(p *proc.Process) int { return int(p.Resident / 1024) }),
		"user":  {"USER", false, func(p *proc.Process) string { return names.User(p.UID) }},
		"tty":   {"TTY", false, func(p *proc.Process) string { return terminal(p.Terminal) }},
		"stat":  {"STAT", false, state},
		"time":  {"TIME", true, func(p *proc.Process) string { return clock((p.User + p.System) / proc.TicksPerSecond) }},
		"etime": {"ELAPSED", true, elapsed},
		"comm":  {"COMMAND", false, func(p *proc.Process) string { return p.Name }},
		"args":  {"COMMAND", false, command},
	}
	for alias, name := range map[string]string{
		"cmd": "args", "command": "args", "pgrp": "pgid", "sess": "sid", "state": "stat", "s": "stat", "tt": "tty",
		"ni": "nice", "thcount": "nlwp", "cputime": "time", "euser": "user", "ucmd": "comm", "euid": "uid",
	} {
		all[alias] = all[name]
	}
	return all
}

// state is the letter of proc_pid_stat(5) with what ps(1) adds: session leader, several threads, in the foreground.
func state(p *proc.Process) string {
	text := string(p.State)
	if p.Nice < 0 {
		text += "<"
	} else if p.Nice > 0 {
		text += "N"
	}
	if p.SID == p.PID {
		text += "s"
	}
	if p.Threads > 1 {
		text += "l"
	}
	if p.Terminal != 0 && p.Foreground == p.PGID {
		text += "+"
	}
	return text
}

// command has no control characters in it, which a process could otherwise write to the reader's terminal.
func command(p *proc.Process) string {
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, p.Command())
	if p.State == 'Z' {
		text += " <defunct>"
	}
	return text
}

// terminal names a terminal by its device number; see proc_pid_stat(5) and Documentation/admin-guide/devices.txt.
func terminal(device int) string {
	major, minor := unix.Major(uint64(uint32(device))), unix.Minor(uint64(uint32(device)))
	switch {
	case device == 0:
		return "?"
	case major >= 136 && major <= 143:
		return fmt.Sprintf("pts/%d", (major-136)*256+minor)
	case major == 4 && minor < 64:
		return fmt.Sprintf("tty%d", minor)
	case major == 4:
		return fmt.Sprintf("ttyS%d", minor-64)
	case major == 5 && minor == 1:
		return "console"
	}
	return fmt.Sprintf("%d:%d", major, minor)
}

func clock(seconds uint64) string {
	return fmt.Sprintf("%02d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
}

func elapsed(p *proc.Process) string {
	uptime, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return "?"
	}
	now, _, _ := strings.Cut(string(uptime), " ")
	seconds, err := strconv.ParseFloat(now, 64)
	if err != nil {
		return "?"
	}
	return clock(uint64(max(0, seconds-float64(p.Start)/proc.TicksPerSecond)))
}
