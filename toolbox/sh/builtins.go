package sh

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
		job := s.newJob(strings.Join(args[1:], " "))
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

func alias(s *shell, args []string) error {
	s.status = success
	if len(args) == 1 {
		for name, text := range s.aliases {
			s.printf("alias %s=%s\n", name, quote(text))
		}
	}
	for _, arg := range args[1:] {
		name, text, defined := strings.Cut(arg, "=")
		if defined {
			s.aliases[name] = text
		} else if text, ok := s.aliases[name]; ok {
			s.printf("alias %s=%s\n", name, quote(text))
		} else {
			s.errorf("alias: %s: no such alias", name)
			s.status = failure
		}
	}
	return nil
}

func unalias(s *shell, args []string) error {
	s.status = success
	for _, name := range args[1:] {
		if name == "-a" {
			clear(s.aliases)
		} else if _, ok := s.aliases[name]; !ok {
			s.errorf("unalias: %s: no such alias", name)
			s.status = failure
		}
		delete(s.aliases, name)
	}
	return nil
}

// command runs a command that is not a function, or with -v says what its name stands for.
func command(s *shell, args []string) error {
	args = args[1:]
	describe := ""
	for len(args) > 0 && (args[0] == "-v" || args[0] == "-V" || args[0] == "-p" || args[0] == "--") {
		if args[0] != "-p" && args[0] != "--" {
			describe = args[0]
		}
		args = args[1:]
	}
	switch {
	case describe == "-V":
		return typeOf(s, append([]string{"command"}, args...))
	case describe == "-v":
		s.status = success
		for _, name := range args {
			if kind, text := s.meaning(name); kind == "" {
				s.status = failure
			} else {
				s.printf("%s\n", text)
			}
		}
		return nil
	case len(args) == 0:
		s.status = success
		return nil
	}
	if builtin := s.builtins[args[0]]; builtin != nil {
		return builtin(s, args)
	}
	function := s.funcs[args[0]]
	delete(s.funcs, args[0])
	err := s.call(args)
	if function != nil {
		s.funcs[args[0]] = function
	}
	return err
}

// meaning says what a command's name stands for: of which kind it is, and how command -v puts it.
func (s *shell) meaning(name string) (kind, text string) {
	if long, ok := s.aliases[name]; ok {
		return "an alias for " + long, "alias " + name + "=" + quote(long)
	}
	switch {
	case keywords[name]:
		return "a shell keyword", name
	case s.funcs[name] != nil:
		return "a function", name
	case s.builtins[name] != nil:
		return "a shell builtin", name
	}
	path, err := s.lookPath(name)
	if err != nil {
		return "", ""
	}
	return path, path
}

var keywords = map[string]bool{
	"if": true, "then": true, "else": true, "elif": true, "fi": true, "while": true, "until": true, "for": true,
	"do": true, "done": true, "case": true, "esac": true, "in": true, "function": true, "time": true, "{": true,
	"}": true, "!": true, "[[": true, "local": true, "export": true, "readonly": true, "declare": true, "typeset": true,
	"let": true,
}

func typeOf(s *shell, args []string) error {
	s.status = success
	for _, name := range args[1:] {
		kind, _ := s.meaning(name)
		if kind == "" {
			s.errorf("%s: %s: not found", args[0], name)
			s.status = notFound
			continue
		}
		s.printf("%s is %s\n", name, kind)
	}
	return nil
}

func cd(s *shell, args []string) error {
	physical := false
	for len(args) > 1 && (args[1] == "-P" || args[1] == "-L" || args[1] == "--") {
		physical = args[1] == "-P"
		args = args[1:]
	}
	target := s.text("HOME")
	if len(args) > 1 {
		target = args[1]
	}
	if target == "-" {
		target = s.text("OLDPWD")
		s.printf("%s\n", target)
	}
	if target == "" {
		return s.refuse("cd: where to? HOME is not set")
	}
	from := s.text("PWD")
	logical := target
	if !filepath.IsAbs(target) {
		logical = filepath.Join(from, target)
	}
	logical = filepath.Clean(logical)
	// As POSIX has it, .. takes back the last part of the name, also where that was a link.
	if physical || os.Chdir(logical) != nil {
		if err := os.Chdir(target); err != nil {
			s.errorf("cd: %s: %v", target, reason(err))
			s.status = failure
			return nil
		}
		if dir, err := unixGetwd(); err == nil {
			logical = dir
		}
	}
	s.status = success
	for name, value := range map[string]string{"OLDPWD": from, "PWD": logical} {
		if err := s.assign(name, value); err != nil {
			return s.expanded(err)
		}
	}
	return nil
}

// unixGetwd asks the kernel; os.Getwd would believe $PWD.
func unixGetwd() (string, error) {
	buffer := make([]byte, unix.PathMax)
	n, err := unix.Getcwd(buffer)
	if err != nil {
		return "", err
	}
	return string(bytes.TrimRight(buffer[:n], "\x00")), nil
}

func pwd(s *shell, args []string) error {
	s.status = success
	dir := s.text("PWD")
	if dir == "" || slices.Contains(args, "-P") {
		var err error
		if dir, err = unixGetwd(); err != nil {
			s.errorf("pwd: %v", err)
			s.status = failure
			return nil
		}
	}
	s.printf("%s\n", dir)
	return nil
}

func set(s *shell, args []string) error {
	s.status = success
	words := args[1:]
	if len(words) == 0 {
		s.printVariables("", anySet)
		return nil
	}
	for len(words) > 0 {
		word := words[0]
		if word == "--" || word == "-" {
			s.params = words[1:]
			return nil
		}
		if len(word) < 2 || word[0] != '-' && word[0] != '+' {
			s.params = words
			return nil
		}
		words = words[1:]
		for _, letter := range word[1:] {
			if letter != 'o' {
				if !s.options.set(letter, word[0] == '-') {
					return s.refuse("set: -%c: no such option", letter)
				}
				continue
			}
			if len(words) == 0 {
				s.options.print(s.file(1))
				return nil
			}
			if !s.options.setByName(words[0], word[0] == '-') {
				return s.refuse("set: -o %s: no such option", words[0])
			}
			words = words[1:]
		}
	}
	return nil
}

func shift(s *shell, args []string) error {
	n := 1
	if len(args) > 1 {
		var err error
		if n, err = strconv.Atoi(args[1]); err != nil || n < 0 {
			return s.refuse("shift: %s: a number is needed", args[1])
		}
	}
	if n > len(s.params) {
		s.status = failure
		return nil
	}
	s.params = s.params[n:]
	s.status = success
	return nil
}

func unset(s *shell, args []string) error {
	s.status = success
	functions, vars := true, true
	for _, name := range args[1:] {
		switch name {
		case "-f":
			vars = false
			continue
		case "-v":
			functions = false
			continue
		}
		_, isVar := s.vars[name]
		if vars && (isVar || !functions) {
			if err := s.unset(name); err != nil {
				s.errorf("unset: %v", err)
				s.status = failure
			}
		} else if functions {
			delete(s.funcs, name)
		}
	}
	return nil
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
