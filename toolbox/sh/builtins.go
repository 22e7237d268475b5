package sh

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// builtin is a command that the shell carries out itself, mostly because it changes the shell. It sets the status; what
// it returns, if anything, is an unwind.
type builtin func(s *shell, args []string) error

// allBuiltins returns them by name.
func allBuiltins() map[string]builtin {
	return map[string]builtin{
		":": succeed, "true": succeed, "false": fail,
		".": dot, "source": dot, "eval": eval, "exec": exec, "exit": exit, "return": leaveFunction,
		"break": leaveLoop, "continue": leaveLoop,
		"alias": alias, "unalias": unalias, "command": command, "type": typeOf, "hash": succeed,
		"cd": cd, "pwd": pwd, "umask": umaskCommand, "ulimit": ulimit,
		"set": set, "shift": shift, "unset": unset, "getopts": getopts, "trap": trap, "times": times,
		"echo": echo, "printf": printf, "read": read, "test": testCommand, "[": testCommand,
		"jobs": jobs, "wait": wait, "kill": killCommand, "fg": foreground, "bg": background, "history": showHistory,
	}
}

// Builtin returns the Main of a command that is a builtin of the shell as well, for when it is run as a program: by env,
// find -exec, or without a shell.
func Builtin(name string) func(args []string) int {
	return func(args []string) int {
		s := newShell("sh")
		s.builtins[name](s, append([]string{name}, args[1:]...))
		return s.status
	}
}

func (s *shell) printf(format string, args ...any) {
	fmt.Fprintf(s.file(1), format, args...)
}

// refuse says what is wrong with a builtin's arguments.
func (s *shell) refuse(format string, args ...any) error {
	s.errorf(format, args...)
	s.status = misuse
	return nil
}

func succeed(s *shell, _ []string) error {
	s.status = success
	return nil
}

func fail(s *shell, _ []string) error {
	s.status = failure
	return nil
}

func dot(s *shell, args []string) error {
	if len(args) < 2 {
		return s.refuse("%s: which file?", args[0])
	}
	path := args[1]
	if !strings.Contains(path, "/") {
		for _, dir := range append(filepath.SplitList(s.text("PATH")), ".") {
			if info, err := os.Stat(filepath.Join(dir, path)); err == nil && info.Mode().IsRegular() {
				path = filepath.Join(dir, path)
				break
			}
		}
	}
	file, err := os.Open(path)
	if err != nil {
		s.errorf("%s: %s: %v", args[0], args[1], reason(err))
		s.status = failure
		return nil
	}
	defer file.Close()
	if len(args) > 2 {
		params := s.params
		s.params = args[2:]
		defer func() { s.params = params }()
	}
	err = s.source(file, args[1], false)
	if u, ok := err.(unwind); ok && u.kind == toReturn {
		return nil
	}
	return err
}

func eval(s *shell, args []string) error {
	return s.source(strings.NewReader(strings.Join(args[1:], " ")), "eval", false)
}

func exec(s *shell, args []string) error {
	if len(args) > 1 && args[1] == "--" {
		args = args[1:]
	}
	if len(args) == 1 { // its redirections are for the shell
		s.keepFiles = true
		s.status = success
		return nil
	}
	if s.copied { // the copy can't become the program: the process is the shell's
		job := s.newJob(commandLine(args[1:]))
		if err := s.launch(job, args[1:], s.exported(), s.files); err != nil {
			s.refused(args[1], err)
		} else if err := s.waitFor(job); err != nil {
			return err
		}
		return unwind{kind: toExit}
	}
	s.replace(args[1:], s.exported())
	if s.interactive {
		return nil
	}
	return unwind{kind: toExit}
}

func exit(s *shell, args []string) error {
	if len(args) > 1 {
		n, err := strconv.Atoi(args[1])
		if err != nil {
			s.refuse("exit: %s: a number is needed", args[1])
		} else {
			s.status = n & 0xff
		}
	}
	return unwind{kind: toExit}
}

func leaveFunction(s *shell, args []string) error {
	if err := exit(s, args); err != nil {
		return unwind{kind: toReturn}
	}
	return nil
}

func leaveLoop(s *shell, args []string) error {
	levels := 1
	if len(args) > 1 {
		n, err := strconv.Atoi(args[1])
		if err != nil || n < 1 {
			return s.refuse("%s: %s: a number of loops is needed", args[0], args[1])
		}
		levels = n
	}
	s.status = success
	if s.loops == 0 {
		return nil
	}
	kind := toBreak
	if args[0] == "continue" {
		kind = toContinue
	}
	return unwind{kind: kind, levels: min(levels, s.loops)}
}

func times(s *shell, _ []string) error {
	s.status = success
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var usage unix.Rusage
		if unix.Getrusage(who, &usage) == nil {
			s.printf("%s %s\n", minutes(time.Duration(usage.Utime.Nano())), minutes(time.Duration(usage.Stime.Nano())))
		}
	}
	return nil
}

func showHistory(s *shell, _ []string) error {
	s.status = success
	if s.history != nil {
		for i, line := range s.history.lines {
			s.printf("%5d  %s\n", i+1, line)
		}
	}
	return nil
}
