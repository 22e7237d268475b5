package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"stave/internal/host"
	"stave/internal/vm/protocol"
)

// testTimeout ends a test that hangs; the go runtime then says where it hung.
const testTimeout = 30 * time.Minute

// worker carries out the plan.
type worker struct {
	plan   protocol.Plan
	mutex  sync.Mutex
	events *json.Encoder
}

// tell sends an event outside.
func (w *worker) tell(event protocol.Event) error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.events.Encode(event)
}

// work is the third stage. Whatever goes wrong is told outside before the machine switches off.
func work() error {
	port, err := os.OpenFile(protocol.EventPort, os.O_WRONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	defer port.Close()
	w := worker{events: json.NewEncoder(port)}
	code, err := w.run()
	last := protocol.Event{Kind: protocol.Done, Code: code}
	if err != nil {
		last = protocol.Event{Kind: protocol.Broken, Text: err.Error()}
	}
	if err := w.tell(last); err != nil {
		return err
	}
	return drain(port)
}

func (w *worker) run() (int, error) {
	text, err := os.ReadFile(protocol.PlanFile)
	if err != nil {
		return 0, err
	}
	if err := json.Unmarshal(text, &w.plan); err != nil {
		return 0, err
	}
	os.Setenv("STAVE_SLOW", fmt.Sprint(w.plan.Slow)) // for our own use of package host
	os.Setenv("PATH", path)
	if err := delegate(); err != nil {
		return 0, fmt.Errorf("preparing cgroups: %w", err)
	}
	if w.plan.Command != nil {
		return w.command()
	}
	for _, u := range []user{root, student} {
		if err := w.tests(u); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// atATime is how many packages are tested at a time: most wait half of the time for something.
const atATime = 2

// tests runs all tests as one user, and looks what they have changed on the machine: together, as they run beside each
// other. Each looks after its own as well.
func (w *worker) tests(u user) error {
	before, err := host.Take(host.Everybody)
	if err != nil {
		return err
	}
	began := time.Now()
	for _, alone := range []bool{true, false} {
		running := new(errgroup.Group)
		running.SetLimit(atATime)
		if alone {
			running.SetLimit(1)
		}
		for _, test := range slices.Backward(w.plan.Tests) { // the longest happen to be last
			if test.Alone != alone || test.Once && u != root {
				continue
			}
			running.Go(func() error {
				if err := w.test(u, test); err != nil {
					return fmt.Errorf("testing %s as %s: %w", test.Package, u.name, err)
				}
				return nil
			})
		}
		if err := running.Wait(); err != nil {
			return err
		}
	}
	changes := before.Changes(host.Slow(host.Patience), host.Everybody)
	end := protocol.Event{Kind: protocol.End, User: u.role, Package: protocol.Leftovers, Seconds: time.Since(began).Seconds()}
	if len(changes) > 0 {
		end.Code, end.Text = 1, "left on the machine after the tests:\n"+strings.Join(changes, "\n")
	}
	return w.tell(end)
}

// test runs one package's tests as one user.
func (w *worker) test(u user, test protocol.Test) error {
	event := func(kind protocol.Kind, text string) protocol.Event {
		return protocol.Event{Kind: kind, User: u.role, Package: test.Package, Text: text}
	}
	if err := w.tell(event(protocol.Start, "")); err != nil {
		return err
	}
	skips := filepath.Join(u.runtime(), "skips-"+filepath.Base(test.Binary))
	defer os.Remove(skips)
	began := time.Now()
	cmd := exec.Command(test.Binary, "-test.timeout="+testTimeout.String(), "-test.run="+w.plan.Run, "-test.skip="+test.Skip,
		fmt.Sprintf("-test.short=%t", slices.Contains(test.Short, u.role)))
	cmd.Dir = test.Dir
	cmd.Env = append(w.environment(u), "STAVE_SKIPS="+skips)
	output, runErr := w.runAs(u, cmd)

	end := event(protocol.End, output)
	end.Seconds = time.Since(began).Seconds()
	var err error
	if end.Code, err = exitCode(runErr); err != nil {
		return err
	}
	records, err := os.ReadFile(skips)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for record := range strings.Lines(string(records)) {
		if err := w.tell(event(protocol.Skip, strings.TrimSuffix(record, "\n"))); err != nil {
			return err
		}
	}
	return w.tell(end)
}

// runAs runs a command as a user, in that user's cgroup, and returns the end of what it printed.
func (w *worker) runAs(u user, cmd *exec.Cmd) (string, error) {
	const enough = 256 << 10
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cgroup, err := os.Open(u.cgroup())
	if err != nil {
		return "", err
	}
	defer cgroup.Close()
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential:  &syscall.Credential{Uid: uint32(u.uid), Gid: uint32(u.gid)},
		UseCgroupFD: true,
		CgroupFD:    int(cgroup.Fd()),
		Setsid:      true,
	}
	cmd.WaitDelay = time.Second // something left behind may hold the output open; it is found out later
	err = cmd.Run()
	text := output.String()
	if extra := len(text) - enough; extra > 0 {
		text = fmt.Sprintf("(%d bytes are left out here)\n%s", extra, text[extra:])
	}
	return text, err
}

// command runs the plan's command as root on the console.
func (w *worker) command() (int, error) {
	// The console is the command's alone: not even "reboot: Power down" may get into its output; see proc_sys_kernel(5).
	if err := os.WriteFile("/proc/sys/kernel/printk", []byte("0 4 0 7"), 0); err != nil {
		return 0, err
	}
	console, err := openConsole()
	if err != nil {
		return 0, err
	}
	defer console.Close()
	if w.plan.Rows > 0 {
		size := &unix.Winsize{Row: w.plan.Rows, Col: w.plan.Columns}
		if err := unix.IoctlSetWinsize(int(console.Fd()), unix.TIOCSWINSZ, size); err != nil {
			return 0, err
		}
	}
	cgroup, err := os.Open(root.cgroup())
	if err != nil {
		return 0, err
	}
	defer cgroup.Close()
	program, err := exec.LookPath(w.plan.Command[0])
	if err != nil {
		return 0, err
	}
	cmd := exec.Cmd{
		Path: program, Args: w.plan.Command, Dir: protocol.SourceDir, Env: append(w.environment(root), "TERM=linux"),
		Stdin: console, Stdout: console, Stderr: console,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true, Setctty: true, UseCgroupFD: true, CgroupFD: int(cgroup.Fd())},
	}
	code, err := exitCode(cmd.Run())
	if err != nil {
		return 0, err
	}
	// The end of its session has hung up the terminal, and what was open is of no use any more.
	again, err := openConsole()
	if err != nil {
		return 0, err
	}
	defer again.Close()
	return code, drain(again)
}

func openConsole() (*os.File, error) {
	return os.OpenFile(protocol.Console, os.O_RDWR|unix.O_NOCTTY, 0)
}

// exitCode is as a shell has it: 128+n for a program that a signal ended. The error is one of not having run at all.
func exitCode(err error) (int, error) {
	var exit *exec.ExitError
	if errors.Is(err, exec.ErrWaitDelay) {
		return 0, nil // it has succeeded; what still holds its output will be found
	}
	if !errors.As(err, &exit) {
		return 0, err
	}
	if status := exit.Sys().(syscall.WaitStatus); status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return exit.ExitCode(), nil
}

// drain waits until a serial port has sent everything, tcdrain(3): switching off doesn't wait.
func drain(port *os.File) error {
	return unix.IoctlSetInt(int(port.Fd()), unix.TCSBRK, 1)
}
