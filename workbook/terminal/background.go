package terminal

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Detect chooses a style for what is written to out: Plain if that is no terminal, or if its user wants no colours
// (https://no-color.org), otherwise by the terminal's background.
func Detect(out *os.File) Style {
	if !term.IsTerminal(int(out.Fd())) || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return Plain
	}
	// Some terminals say it in the environment, as "15;0": the colours of text and background among the first 16.
	if _, background, ok := strings.Cut(os.Getenv("COLORFGBG"), ";"); ok {
		if n, err := strconv.Atoi(background[strings.LastIndexByte(background, ';')+1:]); err == nil {
			const grey, white = 7, 15
			if n == grey || n == white {
				return Light
			}
			return Dark
		}
	}
	return ask()
}

// patience is how long a terminal may take to answer, which over a slow line is a while.
const patience = 200 * time.Millisecond

// ask asks the terminal for its background's colour. It is followed by a question that every terminal answers, so that one
// which doesn't know the first keeps nobody waiting.
func ask() Style {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return Dark
	}
	defer tty.Close()
	fd := int(tty.Fd())
	// A process in the background would be stopped for asking.
	if group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP); err != nil || group != unix.Getpgrp() {
		return Dark
	}
	state, err := term.MakeRaw(fd)
	if err != nil {
		return Dark
	}
	defer term.Restore(fd, state)
	const backgroundColour, whoAreYou = "\x1b]11;?\x1b\\", "\x1b[c"
	if _, err := fmt.Fprint(tty, backgroundColour+whoAreYou); err != nil {
		return Dark
	}
	var answer []byte
	for deadline := time.Now().Add(patience); time.Until(deadline) > 0 && !whoIAm.Match(answer); {
		ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if n, err := unix.Poll(ready, int(time.Until(deadline).Milliseconds())); err != nil || n == 0 {
			continue
		}
		buf := make([]byte, 128)
		n, err := tty.Read(buf)
		if err != nil {
			break
		}
		answer = append(answer, buf[:n]...)
	}
	return byColour(answer)
}

var (
	whoIAm = regexp.MustCompile("\x1b\\[\\?[0-9;]*c")
	colour = regexp.MustCompile("rgb:([0-9a-f]{2})[0-9a-f]*/([0-9a-f]{2})[0-9a-f]*/([0-9a-f]{2})")
)

// byColour takes a colour for light if it is nearer to white than to black, as the eye sees it (ITU-R BT.601).
func byColour(answer []byte) Style {
	m := colour.FindSubmatch(answer)
	if m == nil {
		return Dark
	}
	var rgb [3]uint64
	for i := range rgb {
		rgb[i], _ = strconv.ParseUint(string(m[i+1]), 16, 8)
	}
	const half = 128 * 1000
	if 299*rgb[0]+587*rgb[1]+114*rgb[2] > half {
		return Light
	}
	return Dark
}

// Columns is how wide a terminal is, or 80 for what is none.
func Columns(out *os.File) int {
	const usual = 80
	if columns, _, err := term.GetSize(int(out.Fd())); err == nil && columns > 0 {
		return columns
	}
	return usual
}
