package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stave/internal/script"
)

// counter says "ready", then a line for every SIGINT, and ends with SIGTERM.
const counter = `trap 'echo interrupt' INT; trap 'echo end; exit' TERM; sleep 1000 & echo ready; while :; do wait; done`

// Ctrl-C sends SIGINT to every process in the terminal's foreground: to step and to the program, which must not get
// step's as well.
func TestInterruptArrivesOnce(t *testing.T) {
	if os.Geteuid() != 0 {
		script.Need(t, "userns")
	}
	keyboard, terminal := openTerminal(t)
	step := exec.Command("as-root", "step", "run", "sh", "-c", counter)
	step.Stdin, step.Stderr = terminal, os.Stderr
	step.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true} // in the foreground of a terminal of its own
	output, err := step.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := step.Start(); err != nil {
		t.Fatal(err)
	}
	defer step.Wait()
	defer step.Process.Kill()
	output.(*os.File).SetReadDeadline(time.Now().Add(script.Slow(20 * time.Second)))
	lines := bufio.NewScanner(output)
	expect := func(want string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("the program said %q, want %q (%v)", lines.Text(), want, lines.Err())
		}
	}
	expect("ready")
	const ctrlC = "\x03"
	for range 10 {
		keyboard.WriteString(ctrlC)
		expect("interrupt")
	}
	step.Process.Signal(unix.SIGTERM) // behind what step has forwarded until now
	expect("end")
}

// openTerminal returns the two ends of a new pseudoterminal, pty(7).
func openTerminal(t *testing.T) (keyboard, terminal *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keyboard.Close() })
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return keyboard, terminal
}
