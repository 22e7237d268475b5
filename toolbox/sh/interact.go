package sh

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// defaultPrompt says who, where and whether root, as Debian's does.
const defaultPrompt = `\u@\h:\w\$ `

// errInterrupted is Ctrl-C at the prompt.
var errInterrupted = errors.New("interrupted")

// interact runs what is typed until the end of input or exit.
func (s *shell) interact() error {
	s.interactive = true
	if !s.vars["PS1"].Set {
		s.assign("PS1", defaultPrompt)
	}
	s.history = &history{}
	read := s.readPlain
	if term.IsTerminal(0) {
		s.control = newControl(0)
		s.options.monitor = s.control != nil
		s.editor = newEditor(s)
		defer s.editor.restore()
		read = s.editor.read
	}
	s.signals.catch(s.alwaysCaught()...)
	for {
		s.report()
		stmts, err := s.typed(read)
		switch {
		case errors.Is(err, errInterrupted):
			s.status = signalled + 2
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			s.errorf("%v", err)
			s.status = failure
			return nil
		}
		s.signals.takeInterrupt() // what came before is over
		err = s.stmts(stmts)
		if u, ok := err.(unwind); ok && u.kind == toExit {
			return u
		}
		s.loops, s.tested = 0, 0
	}
}

// typed reads lines until they make sense, or can't.
func (s *shell) typed(read func(prompt string) (string, error)) ([]*syntax.Stmt, error) {
	text := ""
	prompt := s.prompt("PS1")
	for {
		line, err := read(prompt)
		if err != nil {
			return nil, err
		}
		text += line + "\n"
		file, err := newParser().Parse(strings.NewReader(text), "")
		if err == nil {
			return file.Stmts, nil
		}
		if !syntax.IsIncomplete(err) {
			return nil, s.syntaxError("", err)
		}
		prompt = s.prompt("PS2")
	}
}

// readPlain reads a line where input is no terminal (sh -i).
func (s *shell) readPlain(prompt string) (string, error) {
	fmt.Fprint(os.Stderr, prompt)
	var line []byte
	for {
		var b [1]byte
		n, err := os.Stdin.Read(b[:])
		if n == 1 && b[0] == '\n' || err != nil && len(line) > 0 {
			return string(line), nil
		}
		if err != nil {
			return "", err
		}
		line = append(line, b[0])
	}
}

// prompt expands PS1 or PS2: bash's backslashes that say something here, and what is expanded in a here-document.
func (s *shell) prompt(name string) string {
	var text strings.Builder
	value := s.text(name)
	for i := 0; i < len(value); i++ {
		if value[i] != '\\' || i+1 == len(value) {
			text.WriteByte(value[i])
			continue
		}
		i++
		text.WriteString(s.promptPart(value[i]))
	}
	word, err := newParser().Document(strings.NewReader(text.String()))
	if err != nil {
		return text.String()
	}
	status := s.status
	expanded, err := expand.Document(s.config(), word)
	s.status = status
	if err != nil {
		return text.String()
	}
	return expanded
}

func (s *shell) promptPart(letter byte) string {
	switch letter {
	case 'u':
		return userName()
	case 'h', 'H':
		host, err := os.Hostname()
		if err != nil {
			return "?"
		}
		if letter == 'h' {
			host, _, _ = strings.Cut(host, ".")
		}
		return host
	case 'w', 'W':
		dir := s.text("PWD")
		if home := s.text("HOME"); home != "" && home != "/" && (dir == home || strings.HasPrefix(dir, home+"/")) {
			dir = "~" + strings.TrimPrefix(dir, home)
		}
		if at := strings.LastIndexByte(dir, '/'); letter == 'W' && at >= 0 && len(dir) > 1 {
			dir = dir[at+1:]
		}
		return dir
	case '$':
		if os.Geteuid() == 0 {
			return "#"
		}
		return `\$` // a dollar that is not expanded
	case 'n':
		return "\n"
	case 't':
		return time.Now().Format("15:04:05")
	case 'e':
		return "\x1b"
	case '[', ']': // round what takes no room, which the editor works out by itself
		return ""
	}
	return string([]byte{'\\', letter})
}

// history is what has been typed, the last line last.
type history struct{ lines []string }

// longest is how many lines are kept.
const longest = 1000

// Add notes a line, unless it is blank or the same again.
func (h *history) Add(line string) {
	if strings.TrimSpace(line) == "" || len(h.lines) > 0 && h.lines[len(h.lines)-1] == line {
		return
	}
	h.lines = append(h.lines, line)
	if len(h.lines) > longest {
		h.lines = slices.Delete(h.lines, 0, len(h.lines)-longest)
	}
}

// Len returns the number of lines.
func (h *history) Len() int { return len(h.lines) }

// At returns a line; 0 is the last.
func (h *history) At(i int) string { return h.lines[len(h.lines)-1-i] }
