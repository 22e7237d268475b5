package sh

import (
	"bytes"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// editor reads lines from the terminal with x/term, which knows cursor keys, history, Ctrl-A, -E, -K, -U, -W.
type editor struct {
	shell *shell
	fd    int
	modes *unix.Termios // how the terminal is while commands run
}

func newEditor(s *shell) *editor {
	e := &editor{shell: s}
	e.modes, _ = unix.IoctlGetTermios(e.fd, unix.TCGETS) // Main has seen that it is a terminal
	return e
}

// restore puts the terminal back.
func (e *editor) restore() {
	if e.modes != nil {
		unix.IoctlSetTermios(e.fd, unix.TCSETSW, e.modes)
	}
}

// read shows the prompt and returns what is typed up to Enter. io.EOF is Ctrl-D, errInterrupted Ctrl-C.
func (e *editor) read(prompt string) (string, error) {
	e.commanded()
	if err := e.raw(); err != nil {
		return "", err
	}
	defer e.restore()
	keys := &keyboard{}
	terminal := term.NewTerminal(keys, prompt)
	terminal.History = e.shell.history
	if width, height, err := term.GetSize(e.fd); err == nil && width > 0 {
		terminal.SetSize(width, height)
	}
	completer := completer{shell: e.shell, show: func(text string) { terminal.Write([]byte(text)) }}
	terminal.AutoCompleteCallback = completer.complete
	line, err := terminal.ReadLine()
	switch {
	case errors.Is(err, io.EOF) && keys.last == 'C'-'@':
		os.Stdout.WriteString("^C\n")
		return "", errInterrupted
	case errors.Is(err, io.EOF):
		os.Stdout.WriteString("\n")
	case errors.Is(err, term.ErrPasteIndicator):
		err = nil
	}
	return line, err
}

// commanded notes how the last command left the terminal: stty is there to change it, and one that was killed halfway
// may have left it in a state in which nobody sees what they type.
func (e *editor) commanded() {
	modes, err := unix.IoctlGetTermios(e.fd, unix.TCGETS)
	if err != nil || e.modes == nil {
		return
	}
	if e.shell.status > signalled {
		e.restore()
		return
	}
	e.modes = modes
}

// raw has the terminal hand over each key. Enter stays a newline, so that what is typed ahead for a command is lines.
func (e *editor) raw() error {
	if e.modes == nil {
		return errors.New("standard input is no longer a terminal")
	}
	modes := *e.modes
	modes.Iflag &^= unix.IXON | unix.INLCR | unix.IGNCR | unix.ISTRIP
	modes.Iflag |= unix.ICRNL
	modes.Lflag &^= unix.ECHO | unix.ICANON | unix.ISIG | unix.IEXTEN
	modes.Oflag |= unix.OPOST | unix.ONLCR
	modes.Cc[unix.VMIN], modes.Cc[unix.VTIME] = 1, 0
	return unix.IoctlSetTermios(e.fd, unix.TCSETSW, &modes)
}

// keyboard hands on one key at a time, so that nothing is read that is meant for a command, and remembers the last.
type keyboard struct{ last byte }

func (k *keyboard) Read(p []byte) (int, error) {
	n, err := oneByte{os.Stdin}.Read(p)
	if n > 0 {
		k.last = p[n-1]
	}
	return n, err
}

// Write leaves it to the terminal to put a return before each newline.
func (k *keyboard) Write(p []byte) (int, error) {
	if _, err := os.Stdout.Write(bytes.ReplaceAll(p, []byte("\r\n"), []byte("\n"))); err != nil {
		return 0, err
	}
	return len(p), nil
}
