package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stave/toolbox/proc"
)

// command is one of the toolbox's, with the others in PATH.
func command(bin string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(bin, args[0]), args[1:]...)
	cmd.Env = []string{"PATH=" + bin, "HOME=/", "PS1=> ", "TERM=dumb", "GORACE=atexit_sleep_ms=0"} // or each takes a second
	return cmd
}

// console is a command at a terminal of its own, and somebody who types and looks.
type console struct {
	t       *testing.T
	cmd     *exec.Cmd
	master  *os.File
	mutex   sync.Mutex
	shown   bytes.Buffer
	changed chan struct{}
	ended   chan error
}

// patience is how long something may take to appear; where it does appear nothing waits so long.
const patience = 30 * time.Second

func newConsole(t *testing.T, cmd *exec.Cmd) *console {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	c := &console{t: t, cmd: cmd, master: master, changed: make(chan struct{}, 1), ended: make(chan error, 1)}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go c.look()
	go func() { c.ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		c.endSession()
		master.Close()
	})
	return c
}

// endSession kills what the command has left behind: it was given a session of its own, by which that is known.
func (c *console) endSession() {
	all, err := proc.All()
	if err != nil {
		c.t.Error(err)
	}
	for _, p := range all {
		if p.SID == c.cmd.Process.Pid {
			unix.Kill(p.PID, unix.SIGKILL)
		}
	}
}

// look collects what is shown, until the terminal is closed.
func (c *console) look() {
	buffer := make([]byte, 4096)
	for {
		n, err := c.master.Read(buffer)
		c.mutex.Lock()
		c.shown.Write(buffer[:n])
		c.mutex.Unlock()
		select {
		case c.changed <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

func (c *console) enter(keys string) {
	c.t.Helper()
	if _, err := c.master.WriteString(keys); err != nil {
		c.t.Fatal(err)
	}
}

// expect waits until text is shown, and forgets what was shown up to it.
func (c *console) expect(text string) {
	c.t.Helper()
	deadline := time.After(patience)
	for {
		c.mutex.Lock()
		before, after, found := strings.Cut(c.shown.String(), text)
		if found {
			c.shown.Reset()
			c.shown.WriteString(after)
		}
		c.mutex.Unlock()
		if found {
			return
		}
		select {
		case <-c.changed:
		case <-deadline:
			c.t.Fatalf("%q was never shown, but %q", text, before)
		}
	}
}

// exits waits until the command ends, with the given status.
func (c *console) exits(status int) {
	c.t.Helper()
	select {
	case err := <-c.ended:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) || c.cmd.ProcessState.ExitCode() != status {
			c.t.Errorf("it ended with %v, not with status %d", c.cmd.ProcessState, status)
		}
	case <-time.After(patience):
		c.t.Error("it doesn't end")
	}
}

const (
	ctrlC = "\x03"
	ctrlD = "\x04"
	ctrlZ = "\x1a"
	up    = "\x1b[A"
	left  = "\x1b[D"
)

func newShell(t *testing.T) *console {
	t.Helper()
	cmd := command(links(t), "sh")
	cmd.Dir = t.TempDir()
	c := newConsole(t, cmd)
	c.expect("> ")
	return c
}

func TestInteractiveShellRunsWhatIsTyped(t *testing.T) {
	c := newShell(t)
	c.enter("echo one; echo $((1 + 1))\r")
	c.expect("one\r\n2\r\n> ")
	c.enter("for i in a b\rdo echo [$i]\r")
	c.enter("done\r")
	c.expect("[a]\r\n[b]\r\n> ")
	c.enter("cat <<end\rhere $((2 + 3))\rend\r")
	c.expect("here 5\r\n> ")
	c.enter("nosuch\r")
	c.expect("nosuch: not found\r\n> ")
	c.enter("echo )\r")
	c.expect("> ")
	c.enter("exit 3\r")
	c.exits(3)
}

func TestInteractiveShellEndsWithCtrlD(t *testing.T) {
	c := newShell(t)
	c.enter("false\r")
	c.expect("> ")
	c.enter(ctrlD)
	c.exits(1)
}

func TestLineEditing(t *testing.T) {
	c := newShell(t)
	c.enter("echo wrld" + left + left + left + "o\r")
	c.expect("world\r\n> ")
	c.enter(up + " again\r")
	c.expect("world again\r\n> ")
	c.enter("echo lost" + ctrlC)
	c.expect("^C\r\n> ")
	c.enter("echo kept \x15echo $?\r") // Ctrl-U
	c.expect("130\r\n> ")
}

func TestCompletion(t *testing.T) {
	c := newShell(t)
	c.enter("mkdir somewhere && touch somewhere/first somewhere/second\r")
	c.expect("> ")
	c.enter("ls some\t\r")
	c.expect("first  second\r\n> ")
	c.enter("sha256\tsomewhere/f\t\r")
	c.expect("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  somewhere/first\r\n> ")
}

// TestCtrlCStopsTheCommandAndNotTheShell, whether the command is a program, a pipeline, or the shell itself.
func TestCtrlCStopsTheCommandAndNotTheShell(t *testing.T) {
	for _, line := range []string{
		"echo ready; sleep 1000",
		"echo ready; sleep 1000 | cat",
		"echo ready; (sleep 1000)",
		"echo ready; while true; do :; done",
		"echo ready; while true; do sleep 1000; done",
		"echo ready; read line",
		"sleep 1000 & echo ready; wait",
		"f() { sleep 1000; echo not reached; }; echo ready; f",
		"echo ready; x=$(sleep 1000)",
	} {
		t.Run(line, func(t *testing.T) {
			c := newShell(t)
			c.enter(line + "\r")
			c.expect("\nready\r\n")
			c.enter(ctrlC)
			c.expect("> ")
			c.enter("echo status $?\r")
			c.expect("\nstatus 130\r\n> ")
		})
	}
}

// TestAnInterruptedPartEndsTheLine, also if the last part of the pipeline wasn't reached by the key.
func TestAnInterruptedPartEndsTheLine(t *testing.T) {
	c := newShell(t)
	c.enter("sh -c 'kill -INT $$' | cat; echo it\\'s reached\r")
	c.expect("> ")
	c.enter("echo status $?\r")
	c.expect("\nstatus 130\r\n> ")
	c.enter("sh -c 'kill -TERM $$' | cat; echo it\\'s reached\r")
	c.expect("\nit's reached\r\n> ")
}

func TestJobControl(t *testing.T) {
	c := newShell(t)
	c.enter("sh -c 'echo ready; sleep 1000'\r")
	c.expect("\nready\r\n")
	c.enter(ctrlZ)
	c.expect("[1]  Stopped  sh -c")
	c.expect("> ")
	c.enter("jobs\r")
	c.expect("[1]+  Stopped")
	c.expect("> ")
	c.enter("bg\r")
	c.expect("sleep 1000' &\r\n> ")
	c.enter("jobs\r")
	c.expect("Running")
	c.expect("> ")
	c.enter("fg\r")
	c.expect("\nsh -c 'echo ready; sleep 1000'\r\n")
	c.enter(ctrlC)
	c.expect("> ")
	c.enter("jobs; echo none left\r")
	c.expect("\nnone left\r\n> ")
	c.enter("sleep 1000 &\r")
	c.expect("[1] ")
	c.expect("> ")
	c.enter("kill %1; wait %1; echo status $?\r")
	c.expect("\nstatus 143\r\n> ")
}

// TestAJobInTheBackgroundMayNotRead: it is stopped, and goes on in the foreground.
func TestAJobInTheBackgroundMayNotRead(t *testing.T) {
	c := newShell(t)
	c.enter("cat &\r")
	c.expect("[1] ")
	c.expect("> ")
	c.enter("while ! jobs | grep -q Stopped; do sleep 0.01; done; echo stopped it is\r")
	c.expect("\nstopped it is\r\n> ")
	c.enter("fg\r")
	c.expect("\ncat\r\n")
	c.enter("line\r")
	c.expect("line\r\nline\r\n")
	c.enter(ctrlD)
	c.expect("> ")
}

// TestTheTerminalComesBack from a command that was killed before it could put it in order.
func TestTheTerminalComesBack(t *testing.T) {
	c := newShell(t)
	c.enter("sh -c 'stty raw -echo; kill -KILL $$'\r")
	c.expect("Killed\r\n> ")
	c.enter("stty -a\r")
	c.expect("isig icanon")
	c.expect("> ")
	c.enter("stty -echo\r") // what was asked for stays
	c.expect("> ")
	c.enter("stty -a\r")
	c.expect("-echo ")
}

// TestTypeAhead: what is typed while a command runs is for the command that reads it.
func TestTypeAhead(t *testing.T) {
	c := newShell(t)
	c.enter("read line\rsome words\recho got $line\r")
	c.expect("got some words\r\n> ")
}

func TestPromptSaysWhoAndWhere(t *testing.T) {
	cmd := command(links(t), "sh")
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/nowhere", "HOME=/nowhere", "TERM=dumb", "USER=student"}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	host, _, _ = strings.Cut(host, ".")
	sign := "$"
	if os.Geteuid() == 0 {
		sign = "#"
	}
	c := newConsole(t, cmd)
	c.expect("student@" + host + ":/" + sign + " ")
	c.enter("cd /proc; PS1='\\W$((1+1))! '\r")
	c.expect("proc2! ")
}

// TestWindowSize: commands see the terminal's.
func TestWindowSize(t *testing.T) {
	c := newShell(t)
	c.enter("stty size\r")
	c.expect("24 80\r\n")
	c.enter("stty cols 40; touch a b first-of-two-long-names second-of-two-long-names; ls\r")
	c.expect("a  first-of-two-long-names\r\nb  second-of-two-long-names\r\n")
}
