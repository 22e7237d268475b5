package sh

import (
	"strings"
)

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
