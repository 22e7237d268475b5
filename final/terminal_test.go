package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stave/internal/host"
	"stave/internal/script"
)

// terminal opens a pseudo-terminal to stand in for the one a person types at.
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	n := 0
	control(t, master, func(fd int) error { return unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0) })
	control(t, master, func(fd int) error { n, err = unix.IoctlGetInt(fd, unix.TIOCGPTN); return err })
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

// control makes a call on a file's descriptor and leaves its deadlines working, which Fd would not.
func control(t *testing.T, f *os.File, call func(fd int) error) {
	t.Helper()
	raw, err := f.SyscallConn()
	if err == nil {
		if cerr := raw.Control(func(fd uintptr) { err = call(int(fd)) }); cerr != nil {
			err = cerr
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

func resize(t *testing.T, master *os.File, rows, columns uint16) {
	t.Helper()
	control(t, master, func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns})
	})
}

// A session is stave at a terminal, with everything it prints.
type session struct {
	t      *testing.T
	master *os.File
	output *bufio.Reader
	seen   strings.Builder
}

// expect reads until the output has text in it.
func (s *session) expect(text string) {
	s.t.Helper()
	for !strings.Contains(s.seen.String(), text) {
		b, err := s.output.ReadByte()
		if err != nil {
			s.t.Fatalf("waiting for %q: %v; so far:\n%s", text, err, s.seen.String())
		}
		s.seen.WriteByte(b)
	}
	s.seen.Reset()
}

func (s *session) typeIn(text string) {
	s.t.Helper()
	if _, err := s.master.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

// insist waits until the command has ended, and asks it to again and again if it is to be asked. Signals that come faster than
// they are taken count as one (signal(7)).
func insist(cmd *exec.Cmd, ask bool, ended <-chan error) {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	late := time.After(script.Slow(20 * time.Second))
	for {
		select {
		case <-ended:
			return
		case <-late:
			_ = cmd.Process.Kill() // its exit code then tells
			late = nil
		case <-again.C:
			if ask {
				_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended just now
			}
		}
	}
}

// At a terminal "stave run" is interactive without being asked: what is typed goes in, Ctrl-C stops what runs inside and not
// the shell, a new size of the window gets through, and when it ends the terminal is as it was, however it ends.
func TestAtATerminal(t *testing.T) {
	script.Need(t, "userns", "overlay")
	toolbox, err := script.Toolbox()
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range []string{"exit", "kill"} {
		t.Run(end, func(t *testing.T) {
			work := t.TempDir()
			host.Watch(t, work)
			master, slave := terminal(t)
			resize(t, master, 33, 99)
			before, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
			if err != nil {
				t.Fatal(err)
			}
			cmd := stave(work, "run", "--rootfs", toolbox, "sh")
			cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended, unless the test fails
			if err := master.SetReadDeadline(time.Now().Add(script.Slow(20 * time.Second))); err != nil {
				t.Fatal(err)
			}
			s := &session{t: t, master: master, output: bufio.NewReader(master)}
			s.typeIn("echo I am $((0+$$)) and $(stty size)\r")
			s.expect("I am 1 and 33 99")
			s.typeIn("hog -t 1000 1M\r")
			s.expect("holding 1 MiB")
			s.typeIn("\x03")
			resize(t, master, 44, 88)
			s.typeIn("until test \"$(stty size)\" = '44 88'; do sleep 0.05; done; echo re''sized\r")
			s.expect("resized")
			ended := make(chan error, 1)
			go s.output.WriteTo(new(strings.Builder)) // what it still prints must go somewhere
			go func() { ended <- cmd.Wait() }()
			want := 5
			if end == "exit" {
				s.typeIn("exit 5\r")
			} else {
				want = 137
			}
			insist(cmd, end == "kill", ended)
			if got := cmd.ProcessState.ExitCode(); got != want {
				t.Errorf("exit code %d, want %d", got, want)
			}
			after, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
			if err != nil {
				t.Fatal(err)
			}
			if *after != *before {
				t.Errorf("the terminal was %+v and is %+v", *before, *after)
			}
		})
	}
}

// When the window is closed the program inside loses its terminal, too, and what doesn't end by that doesn't stay.
func TestTerminalHangsUp(t *testing.T) {
	script.Need(t, "userns", "overlay")
	toolbox, err := script.Toolbox()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		args []string
		code int // -1 is any
	}{
		"shell":    {[]string{"sh"}, -1},
		"printing": {[]string{"sh", "-c", "trap '' HUP; echo up; sleep 0.2; seq 1 200000; exit 3"}, 3},
		"deaf":     {[]string{"sh", "-c", "trap '' HUP; echo up; exec sleep 1000"}, 137},
		"shown":    {[]string{"-t", "sh", "-c", "trap '' HUP; echo up; exec sleep 1000"}, 137}, // nothing reads from our terminal, and only the signal tells
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			work := t.TempDir()
			host.Watch(t, work)
			master, slave := terminal(t)
			cmd := stave(work, append([]string{"run", "--rootfs", toolbox}, test.args...)...)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			slave.Close()
			if err := master.SetReadDeadline(time.Now().Add(script.Slow(20 * time.Second))); err != nil {
				t.Fatal(err)
			}
			s := &session{t: t, master: master, output: bufio.NewReader(master)}
			if name == "shell" {
				s.typeIn("echo u''p\r")
			}
			s.expect("up\r")
			master.Close()
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			insist(cmd, false, ended)
			if got := cmd.ProcessState.ExitCode(); got < 0 || test.code >= 0 && got != test.code {
				t.Errorf("exit code %d, want %d", got, test.code)
			}
		})
	}
}
