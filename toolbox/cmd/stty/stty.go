// Package stty shows and changes how the terminal at standard input works; see termios(3).
//
// Synopsis:
//
//	stty [-a | -g | size]
//	stty [-]SETTING…
//	tty
//
// Without operands it shows the window's size and what differs from sane settings. Settings are those of termios(3):
//
//	echo icanon isig iexten icrnl ixon opost onlcr echoe echok echoctl  with a dash before them: not
//	raw, -raw, cooked, sane  all of them at once
//	rows N, cols N           the window's size
package stty

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmdline"
)

// A flag is one bit of a termios, in one of its words.
type flag struct {
	name string
	word func(*unix.Termios) *uint32
	bit  uint32
	sane bool
}

func input(t *unix.Termios) *uint32  { return &t.Iflag }
func output(t *unix.Termios) *uint32 { return &t.Oflag }
func local(t *unix.Termios) *uint32  { return &t.Lflag }

var flags = []flag{
	{"ignbrk", input, unix.IGNBRK, false},
	{"brkint", input, unix.BRKINT, true},
	{"parmrk", input, unix.PARMRK, false},
	{"istrip", input, unix.ISTRIP, false},
	{"inlcr", input, unix.INLCR, false},
	{"igncr", input, unix.IGNCR, false},
	{"icrnl", input, unix.ICRNL, true},
	{"ixon", input, unix.IXON, true},
	{"ixoff", input, unix.IXOFF, false},
	{"iutf8", input, unix.IUTF8, true},
	{"opost", output, unix.OPOST, true},
	{"onlcr", output, unix.ONLCR, true},
	{"isig", local, unix.ISIG, true},
	{"icanon", local, unix.ICANON, true},
	{"iexten", local, unix.IEXTEN, true},
	{"echo", local, unix.ECHO, true},
	{"echoe", local, unix.ECHOE, true},
	{"echok", local, unix.ECHOK, true},
	{"echonl", local, unix.ECHONL, false},
	{"echoctl", local, unix.ECHOCTL, true},
	{"echoke", local, unix.ECHOKE, true},
	{"noflsh", local, unix.NOFLSH, false},
	{"tostop", local, unix.TOSTOP, false},
}

// raw turns these off; see cfmakeraw in termios(3).
var cooking = []string{"ignbrk", "brkint", "parmrk", "istrip", "inlcr", "igncr", "icrnl", "ixon", "opost", "echo", "echonl", "icanon", "isig", "iexten"}

var characters = []struct {
	name string
	at   int
	sane uint8
}{
	{"intr", unix.VINTR, 'C' - '@'}, {"quit", unix.VQUIT, '\\' - '@'}, {"erase", unix.VERASE, 0x7f}, {"kill", unix.VKILL, 'U' - '@'},
	{"eof", unix.VEOF, 'D' - '@'}, {"start", unix.VSTART, 'Q' - '@'}, {"stop", unix.VSTOP, 'S' - '@'}, {"susp", unix.VSUSP, 'Z' - '@'},
}

const synopsis = "stty [-a | size | [-]SETTING…]"

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New(synopsis)
	words := args[1:]
	if len(words) > 0 && words[0] == "--help" {
		fmt.Println("usage: " + synopsis)
		return cmdline.Success
	}
	fd := int(os.Stdin.Fd())
	termios, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return line.Failf("standard input is not a terminal")
	}
	switch {
	case len(words) == 0 || words[0] == "-a":
		err = show(fd, termios, len(words) > 0)
	case words[0] == "size":
		var size *unix.Winsize
		if size, err = unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ); err == nil {
			fmt.Println(size.Row, size.Col)
		}
	default:
		if err := change(fd, termios, words); err != nil {
			return line.Misuse("%v", err)
		}
		err = unix.IoctlSetTermios(fd, unix.TCSETSW, termios)
	}
	if err != nil {
		return line.Fail(err)
	}
	return cmdline.Success
}

func show(fd int, t *unix.Termios, all bool) error {
	size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
	if err != nil {
		return err
	}
	fmt.Printf("rows %d; columns %d;\n", size.Row, size.Col)
	var settings, keys []string
	for _, f := range flags {
		on := *f.word(t)&f.bit != 0
		if !all && on == f.sane {
			continue
		}
		if on {
			settings = append(settings, f.name)
		} else {
			settings = append(settings, "-"+f.name)
		}
	}
	for _, c := range characters {
		if all {
			keys = append(keys, c.name+" = "+caret(t.Cc[c.at])+";")
		}
	}
	for _, words := range [][]string{keys, settings} {
		if len(words) > 0 {
			fmt.Println(strings.Join(words, " "))
		}
	}
	return nil
}

// caret writes a control character as a keyboard has it.
func caret(c uint8) string {
	switch {
	case c == 0:
		return "<undef>"
	case c < ' ', c == 0x7f:
		return "^" + string(rune(c^'@'))
	}
	return string(rune(c))
}

func change(fd int, t *unix.Termios, words []string) error {
	for i := 0; i < len(words); i++ {
		name, off := strings.CutPrefix(words[i], "-")
		switch name {
		case "raw":
			uncook(t, !off)
		case "cooked":
			uncook(t, off)
		case "sane":
			sane(t)
		case "rows", "cols", "columns":
			if i++; i == len(words) {
				return fmt.Errorf("%s: how many?", name)
			}
			n, err := strconv.ParseUint(words[i], 10, 16)
			if err != nil {
				return fmt.Errorf("%s %s: a number is needed", name, words[i])
			}
			if err := resize(fd, name == "rows", uint16(n)); err != nil {
				return err
			}
		default:
			if !set(t, name, !off) {
				return fmt.Errorf("%q is not a setting it knows", words[i])
			}
		}
	}
	return nil
}

func set(t *unix.Termios, name string, on bool) bool {
	for _, f := range flags {
		if f.name != name {
			continue
		}
		if on {
			*f.word(t) |= f.bit
		} else {
			*f.word(t) &^= f.bit
		}
		return true
	}
	return false
}

func uncook(t *unix.Termios, raw bool) {
	if !raw {
		sane(t)
		return
	}
	for _, name := range cooking {
		set(t, name, false)
	}
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
}

func sane(t *unix.Termios) {
	for _, f := range flags {
		set(t, f.name, f.sane)
	}
	for _, c := range characters {
		t.Cc[c.at] = c.sane
	}
}

func resize(fd int, rows bool, n uint16) error {
	size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
	if err != nil {
		return err
	}
	if rows {
		size.Row = n
	} else {
		size.Col = n
	}
	return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, size)
}

// Name runs the command tty, which shows the terminal's name, and returns its exit status: 1 if there is none.
func Name(args []string) int {
	line := cmdline.New("tty [-s]")
	silent := line.BoolP("silent", "s", false, "only the exit status")
	if status, ok := line.Read(args); !ok {
		return status
	}
	name, err := os.Readlink("/proc/self/fd/0")
	if _, notTerminal := unix.IoctlGetTermios(0, unix.TCGETS); notTerminal != nil {
		name, err = "not a tty", nil
		defer os.Exit(cmdline.Failure)
	}
	if err != nil {
		return line.Fail(err)
	}
	if !*silent {
		fmt.Println(name)
	}
	return cmdline.Success
}
