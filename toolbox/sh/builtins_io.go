package sh

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
)

// write writes a builtin's output. The status says whether it got there.
func (s *shell) write(text string) error {
	s.status = success
	if _, err := s.file(1).WriteString(text); err != nil {
		s.errorf("writing: %v", reason(err))
		s.status = failure
	}
	return nil
}

func echo(s *shell, args []string) error {
	words := args[1:]
	newline, escapes := "\n", false
	for len(words) > 0 && len(words[0]) > 1 && words[0][0] == '-' && strings.Trim(words[0][1:], "neE") == "" {
		for _, letter := range words[0][1:] {
			switch letter {
			case 'n':
				newline = ""
			case 'e':
				escapes = true
			case 'E':
				escapes = false
			}
		}
		words = words[1:]
	}
	text := strings.Join(words, " ")
	if escapes {
		var ended bool
		if text, ended = unescape(text); ended {
			newline = ""
		}
	}
	return s.write(text + newline)
}

// read reads a line into variables.
func read(s *shell, args []string) error {
	raw, silent := false, false
	prompt := ""
	names := args[1:]
	for len(names) > 0 && len(names[0]) > 1 && names[0][0] == '-' {
		switch names[0] {
		case "-r":
			raw = true
		case "-s":
			silent = true
		case "-p":
			if len(names) < 2 {
				return s.refuse("read: -p: which prompt?")
			}
			prompt = names[1]
			names = names[1:]
		default:
			return s.refuse("read: %s: no such option", names[0])
		}
		names = names[1:]
	}
	if len(names) == 0 {
		names = []string{"REPLY"}
	}
	if prompt != "" {
		s.file(2).WriteString(prompt)
	}
	if silent {
		defer hush(int(s.file(0).Fd()))()
	}
	line, err := s.readLine(raw)
	if u, ok := err.(unwind); ok {
		return u
	}
	s.status = success
	if err != nil { // the end of input: what came before it still counts
		s.status = failure
	}
	fields := expand.ReadFields(s.config(), line, len(names), raw)
	for i, name := range names {
		value := ""
		if i < len(fields) {
			value = fields[i]
		}
		if err := s.assign(name, value); err != nil {
			return s.expanded(err)
		}
	}
	return nil
}

// readLine reads up to a newline, a byte at a time, as what follows is for others. A backslash before the newline joins
// two lines unless raw.
func (s *shell) readLine(raw bool) (string, error) {
	var line []byte
	for {
		if err := s.waitForInput(); err != nil {
			return "", err
		}
		var b [1]byte
		n, err := s.file(0).Read(b[:])
		if n == 0 {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.EOF
			}
			return string(line), err
		}
		if b[0] != '\n' {
			line = append(line, b[0])
			continue
		}
		if raw || !escapedEnd(line) {
			return string(line), nil
		}
		line = line[:len(line)-1]
	}
}

func escapedEnd(line []byte) bool {
	return (len(line)-len(bytes.TrimRight(line, `\`)))%2 == 1
}

// waitForInput waits until there is something to read, and has traps run and Ctrl-C heeded meanwhile. poll(2) is woken
// by a signal only if that comes to this of the process's threads, so it looks now and then.
func (s *shell) waitForInput() error {
	const lookEvery = 50 // milliseconds
	fds := []unix.PollFd{{Fd: int32(s.file(0).Fd()), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, lookEvery)
		if n > 0 || err != nil && err != unix.EINTR {
			return nil
		}
		if err := s.checkpoint(); err != nil {
			return err
		}
	}
}

// hush keeps a terminal from showing what is typed until the function it returns is called.
func hush(fd int) func() {
	modes, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return func() {}
	}
	silent := *modes
	silent.Lflag &^= unix.ECHO
	unix.IoctlSetTermios(fd, unix.TCSETS, &silent)
	return func() { unix.IoctlSetTermios(fd, unix.TCSETS, modes) }
}

// getopts takes the next option from the parameters; see getopts in POSIX.
func getopts(s *shell, args []string) error {
	if len(args) < 3 {
		return s.refuse("getopts: the options and a variable are needed")
	}
	letters, variable := args[1], args[2]
	words := s.params
	if len(args) > 3 {
		words = args[3:]
	}
	o := optionReader{words: words, index: int(number(s.text("OPTIND"))), letter: s.optionsLetter}
	letter, value, problem := o.next(letters)
	s.status = statusOf(letter != "")
	if letter == "" {
		letter = "?"
	}
	quiet := strings.HasPrefix(letters, ":")
	if problem != "" {
		if quiet {
			value = letter
		} else {
			s.errorf("%s: -%s: %s", s.name, letter, problem)
			value = ""
		}
		letter = "?"
		if quiet && problem == needsValue {
			letter = ":"
		}
	}
	for _, v := range []struct{ name, value string }{{"OPTIND", o.position()}, {"OPTARG", value}, {variable, letter}} {
		if err := s.assign(v.name, v.value); err != nil {
			return s.expanded(err)
		}
	}
	s.optionsLetter = o.letter
	return nil
}

// userName is \u in the prompt.
func userName() string {
	if name := os.Getenv("USER"); name != "" {
		return name
	}
	return accountName(os.Geteuid())
}
