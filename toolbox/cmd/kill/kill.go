// Package kill sends signals to processes; see kill(2) and signal(7).
//
// Synopsis:
//
//	kill [-SIGNAL | -s SIGNAL] PID…
//	kill -l [NUMBER]
//
// SIGNAL is a name such as TERM or SIGTERM, or a number; without one it is TERM. A negative PID is a process group,
// and needs -- or a signal before it.
//
// Options:
//
//	-l         the names of signals, or of one number
//	-s SIGNAL  which signal
package kill

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmdline"
)

const synopsis = "kill [-SIGNAL | -s SIGNAL] PID… | -l [NUMBER]"

// Main runs the command and returns its exit status.
func Main(args []string) int {
	status, _ := Run(args, os.Stdout, os.Stderr)
	return status
}

// Run is Main with its output elsewhere, for the shell's builtin. It also returns which signal was sent, 0 for none.
func Run(args []string, stdout, stderr io.Writer) (status int, sent unix.Signal) {
	line := cmdline.New(synopsis)
	line.Stdout, line.Stderr = stdout, stderr
	signal, operands := unix.SIGTERM, args[1:]
	if len(operands) > 0 && len(operands[0]) > 1 && operands[0][0] == '-' && operands[0] != "--" {
		option := operands[0][1:]
		operands = operands[1:]
		switch option {
		case "l", "L":
			return list(line, operands), 0
		case "-help":
			fmt.Fprintln(stdout, "usage: "+synopsis)
			return cmdline.Success, 0
		case "s", "n":
			if len(operands) == 0 {
				return line.Misuse("which signal?"), 0
			}
			option, operands = operands[0], operands[1:]
		}
		var ok bool
		if signal, ok = Signal(option); !ok {
			return line.Misuse("%q is not a signal: kill -l lists them", option), 0
		}
	}
	if len(operands) > 0 && operands[0] == "--" {
		operands = operands[1:]
	}
	if len(operands) == 0 {
		return line.Misuse("which process?"), 0
	}
	for _, operand := range operands {
		pid, err := strconv.Atoi(operand)
		if err != nil {
			status = line.Misuse("%q is not a process id", operand)
			continue
		}
		if err := unix.Kill(pid, signal); err != nil {
			status = line.Failf("%d: %w", pid, err)
		}
	}
	return status, signal
}

// Signal reads a signal's name, with or without SIG and in any case, or its number. 0 only asks whether there is such
// a process.
func Signal(text string) (unix.Signal, bool) {
	if n, err := strconv.Atoi(text); err == nil {
		return unix.Signal(n), n >= 0 && n <= 64
	}
	name := strings.ToUpper(text)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	signal := unix.SignalNum(name)
	return signal, signal != 0
}

func list(line *cmdline.Line, numbers []string) int {
	if len(numbers) == 0 {
		for n := unix.Signal(1); n < 32; n++ {
			fmt.Fprintf(line.Stdout, "%2d) %s\n", n, unix.SignalName(n))
		}
		return cmdline.Success
	}
	for _, text := range numbers {
		signal, ok := Signal(text)
		if !ok {
			return line.Misuse("%q is not a signal", text)
		}
		if text == strconv.Itoa(int(signal)) {
			if signal > 128 { // an exit status
				signal -= 128
			}
			fmt.Fprintln(line.Stdout, strings.TrimPrefix(unix.SignalName(signal), "SIG"))
		} else {
			fmt.Fprintln(line.Stdout, int(signal))
		}
	}
	return cmdline.Success
}
