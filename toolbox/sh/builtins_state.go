package sh

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

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
