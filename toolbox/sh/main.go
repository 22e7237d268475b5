package sh

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"
	"mvdan.cc/sh/v3/syntax"

	"stave/toolbox/threads"
)

// Exit statuses of the shell itself; see "Exit Status for Commands" in POSIX, Shell Command Language, 2.8.2.
const (
	success       = 0
	failure       = 1
	misuse        = 2
	notExecutable = 126
	notFound      = 127
	signalled     = 128
)

// invocation is what the arguments ask for.
type invocation struct {
	command            *string // -c
	stdin, interactive bool
	login              bool
	operands           []string
}

// Main runs the shell and returns its exit status.
func Main(args []string) int {
	threads.Spare()
	restoreFileLimit()
	if file := inherited(); file != nil {
		return resume(file)
	}
	s := newShell(filepath.Base(args[0]))
	in, err := s.arguments(args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "sh: %v\n", err)
		return misuse
	}
	if in.login {
		s.profile()
	}
	switch {
	case in.command != nil:
		s.operands(in.operands)
		return s.exit(s.source(strings.NewReader(*in.command), s.name, true))
	case len(in.operands) > 0 && !in.stdin:
		return s.script(in.operands)
	}
	s.params = in.operands
	if in.interactive || term.IsTerminal(0) && term.IsTerminal(2) {
		return s.exit(s.interact())
	}
	return s.exit(s.standardInput())
}

// arguments reads the options.
func (s *shell) arguments(args []string) (invocation, error) {
	in := invocation{login: strings.HasPrefix(args[0], "-")}
	words := args[1:]
	wantsCommand := false
	for len(words) > 0 && len(words[0]) > 1 && strings.ContainsRune("-+", rune(words[0][0])) {
		word := words[0]
		words = words[1:]
		if word == "--" {
			break
		}
		if word == "--help" {
			fmt.Println("usage: sh [-aefimnuxC] [-o OPTION] [-c COMMAND | SCRIPT] [ARG…]")
			os.Exit(success)
		}
		for _, letter := range word[1:] {
			switch letter {
			case 'c':
				wantsCommand = true
			case 'i':
				in.interactive = true
			case 'l':
				in.login = true
			case 's':
				in.stdin = true
			case 'o':
				if len(words) == 0 {
					return in, fmt.Errorf("-o: which option?")
				}
				if !s.options.setByName(words[0], word[0] == '-') {
					return in, fmt.Errorf("-o %s: no such option", words[0])
				}
				words = words[1:]
			default:
				if !s.options.set(letter, word[0] == '-') {
					return in, fmt.Errorf("-%c: no such option", letter)
				}
			}
		}
	}
	if wantsCommand {
		if len(words) == 0 {
			return in, fmt.Errorf("-c: which command?")
		}
		in.command = &words[0]
		words = words[1:]
	}
	in.operands = words
	return in, nil
}

// operands after -c COMMAND: the first is $0.
func (s *shell) operands(words []string) {
	if len(words) > 0 {
		s.name, s.params = words[0], words[1:]
	}
}

func (s *shell) script(operands []string) int {
	name := operands[0]
	file, err := os.Open(name)
	if err != nil && !strings.Contains(name, "/") { // POSIX lets sh look for its script in PATH too
		if path, _ := s.lookPath(name); path != "" {
			file, err = os.Open(path)
		}
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "sh: %s: %v\n", name, reason(err))
		if errors.Is(err, os.ErrNotExist) {
			return notFound
		}
		return notExecutable
	}
	defer file.Close()
	s.name, s.params = name, operands[1:]
	return s.exit(s.source(file, name, false))
}

// source runs commands from a reader that can be read ahead of what they do. A syntax error is met only when it is
// reached, as the commands before it may exit.
func (s *shell) source(in io.Reader, name string, mayExec bool) error {
	content, err := io.ReadAll(in)
	if err != nil {
		s.errorf("%s: %v", name, reason(err))
		s.status = notExecutable
		return nil
	}
	if mayExec {
		if stmt := onlyStatement(string(content), name); stmt != nil && s.canReplace(stmt) {
			return s.replaceWith(stmt)
		}
	}
	s.status = success
	return s.lines(bytes.NewReader(content), name)
}

// lines runs commands as they come, a line of them at a time: a here-document comes after the line that wants it.
func (s *shell) lines(in io.Reader, name string) error {
	in = io.MultiReader(in, strings.NewReader("\n")) // the last line may have none
	for stmts, err := range newParser().InteractiveSeq(in) {
		if err != nil {
			return s.syntaxError(name, err)
		}
		if err := s.stmts(stmts); err != nil {
			return err
		}
	}
	return nil
}

// standardInput runs commands from standard input, of which those commands may read too, so it takes no byte more than
// a line at a time.
func (s *shell) standardInput() error { return s.lines(oneByte{os.Stdin}, s.name) }

// oneByte reads one byte at a time.
type oneByte struct{ file *os.File }

func (r oneByte) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return r.file.Read(p[:1])
}

func newParser() *syntax.Parser {
	return syntax.NewParser(syntax.Variant(syntax.LangBash))
}

func (s *shell) syntaxError(name string, err error) error {
	var parse syntax.ParseError
	if known := errors.As(err, &parse); known && name == "" { // it was typed, and is still to be seen
		s.errorf("%s", parse.Text)
	} else if known {
		s.errorf("%s: line %d: %s", name, parse.Pos.Line(), parse.Text)
	} else {
		s.errorf("%s: %v", name, err)
	}
	s.status = misuse
	return nil
}

// profile reads what a login shell reads first.
func (s *shell) profile() {
	for _, name := range []string{"/etc/profile", s.text("HOME") + "/.profile"} {
		if file, err := os.Open(name); err == nil {
			s.source(file, name, false)
			file.Close()
		}
	}
}

// reason is an error without what was being done, which the message says already.
func reason(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
