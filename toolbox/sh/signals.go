package sh

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmd/kill"
)

// signals are those that have come to the shell and wait for it to have time for them, which is between commands.
type signals struct {
	arrived chan os.Signal
	pending []unix.Signal
	caught  map[unix.Signal]bool
	refused map[unix.Signal]bool // ignored by whoever started the shell, which POSIX has it keep to
}

func newSignals() *signals {
	g := &signals{
		arrived: make(chan os.Signal, 64),
		caught:  map[unix.Signal]bool{},
		refused: map[unix.Signal]bool{},
	}
	for _, sig := range []unix.Signal{unix.SIGINT, unix.SIGQUIT, unix.SIGHUP, unix.SIGTERM} {
		g.refused[sig] = signal.Ignored(sig)
	}
	return g
}

// catch has a signal come to the shell and not end it. Programs it starts have the default action again.
func (g *signals) catch(sigs ...unix.Signal) {
	for _, sig := range sigs {
		if !g.refused[sig] {
			g.caught[sig] = true
			signal.Notify(g.arrived, sig)
		}
	}
}

// ignore has a signal ignored, by programs the shell starts as well.
func (g *signals) ignore(sig unix.Signal) {
	delete(g.caught, sig)
	signal.Ignore(sig)
}

// reset gives a signal its default action.
func (g *signals) reset(sig unix.Signal) {
	if g.refused[sig] {
		return
	}
	delete(g.caught, sig)
	signal.Reset(sig)
}

// withoutInterrupts has what is started until the function it returns is called ignore SIGINT and SIGQUIT.
func (g *signals) withoutInterrupts() func() {
	both := []unix.Signal{unix.SIGINT, unix.SIGQUIT}
	for _, sig := range both {
		signal.Ignore(sig)
	}
	return func() {
		for _, sig := range both {
			if g.caught[sig] {
				signal.Notify(g.arrived, sig)
			} else if !g.refused[sig] {
				signal.Reset(sig)
			}
		}
	}
}

func (g *signals) note(sig os.Signal) {
	if n, ok := sig.(unix.Signal); ok && !slices.Contains(g.pending, n) {
		g.pending = append(g.pending, n)
	}
}

// poll notes what has arrived.
func (g *signals) poll() {
	for {
		select {
		case sig := <-g.arrived:
			g.note(sig)
		default:
			return
		}
	}
}

// await gives a signal that the shell sent itself the time to arrive, or to end it. The kernel delivers it before kill(2)
// returns, but maybe to another thread, and the Go runtime passes it on.
func (g *signals) await() {
	const atMost = 100 * time.Millisecond
	select {
	case sig := <-g.arrived:
		g.note(sig)
	case <-time.After(atMost):
	}
}

// takeInterrupt reports whether SIGINT has come, and forgets it.
func (g *signals) takeInterrupt() bool {
	g.poll()
	at := slices.Index(g.pending, unix.SIGINT)
	if at < 0 {
		return false
	}
	g.pending = slices.Delete(g.pending, at, at+1)
	return true
}

// checkpoint is where the shell has time for signals: it runs their traps.
func (s *shell) checkpoint() error {
	s.signals.poll()
	for len(s.signals.pending) > 0 {
		sig := s.signals.pending[0]
		name := signalName(sig)
		if s.copied && s.traps[name] == "" && sig != unix.SIGINT {
			return nil // it is for the shell that this is a copy of
		}
		s.signals.pending = s.signals.pending[1:]
		if action := s.traps[name]; action != "" {
			if err := s.runTrap(action, name); err != nil {
				return err
			}
		} else if sig == unix.SIGINT && !s.trapped(name) {
			s.status = signalled + int(sig)
			if s.interactive {
				fmt.Fprintln(s.file(2)) // after the ^C that the terminal shows
			}
			return unwind{kind: toPrompt}
		}
	}
	return nil
}

// trapped reports whether there is a trap for a signal, also if that is to do nothing.
func (s *shell) trapped(name string) bool {
	_, ok := s.traps[name]
	return ok
}

// runTrap runs a trap's commands. $? is after it what it was before.
func (s *shell) runTrap(action, name string) error {
	status := s.status
	if err := s.lines(strings.NewReader(action), "trap "+name); err != nil {
		return err // exit in a trap exits
	}
	s.status = status
	return nil
}

// runExitTrap runs the trap for the end of the shell, once.
func (s *shell) runExitTrap() {
	action := s.traps["EXIT"]
	if action == "" {
		return
	}
	delete(s.traps, "EXIT")
	s.runTrap(action, "EXIT")
}

// dieOfInterrupt ends the process the way SIGINT does, so that whoever waits for it knows. The signal is for this thread:
// another might take it so late that this one has already ended the process with a status.
func (s *shell) dieOfInterrupt() {
	s.signals.reset(unix.SIGINT)
	runtime.LockOSThread()
	unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGINT)
	// Process 1 survives that.
	s.status = signalled + int(unix.SIGINT)
}

// ignored returns the traps a subshell keeps: those that ignore.
func (s *shell) ignored() map[string]string {
	kept := map[string]string{}
	for name, action := range s.traps {
		if action == "" {
			kept[name] = ""
		}
	}
	return kept
}

func signalName(sig unix.Signal) string {
	return strings.TrimPrefix(unix.SignalName(sig), "SIG")
}

// trap is the builtin.
func trap(s *shell, args []string) error {
	s.status = success
	words := args[1:]
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) == 0 || words[0] == "-p" || words[0] == "-l" {
		for _, name := range slices.Sorted(maps.Keys(s.traps)) {
			s.printf("trap -- %s %s\n", quote(s.traps[name]), name)
		}
		return nil
	}
	action := words[0]
	names := words[1:]
	if len(names) == 0 { // trap INT resets it
		names, action = words, "-"
	}
	if _, err := strconv.Atoi(action); err == nil { // and so does trap 2 15
		names, action = words, "-"
	}
	for _, name := range names {
		if err := s.setTrap(name, action); err != nil {
			s.errorf("trap: %s: %v", name, err)
			s.status = failure
		}
	}
	return nil
}

func (s *shell) setTrap(name, action string) error {
	if name == "0" || strings.EqualFold(name, "EXIT") {
		if action == "-" {
			delete(s.traps, "EXIT")
		} else {
			s.traps["EXIT"] = action
		}
		return nil
	}
	sig, ok := kill.Signal(name)
	if !ok || sig == 0 {
		return errors.New("no such signal")
	}
	if _, err := newParser().Parse(strings.NewReader(action), "trap"); err != nil {
		return err
	}
	name = signalName(sig)
	switch action {
	case "-":
		delete(s.traps, name)
		s.defaultAction(sig)
	case "":
		s.traps[name] = action
		s.signals.ignore(sig)
	default:
		s.traps[name] = action
		s.signals.catch(sig)
	}
	return nil
}

// defaultAction gives a signal the action it has in a shell without traps.
func (s *shell) defaultAction(sig unix.Signal) {
	if slices.Contains(s.alwaysCaught(), sig) {
		s.signals.catch(sig)
	} else {
		s.signals.reset(sig)
	}
}

// alwaysCaught are the signals that come to this shell without a trap. Ctrl-C ends a script by what the shell does about
// it, after the command under way has ended; an interactive shell is not ended by what is meant for its jobs. Process 1
// is not ended by what it has no handler for, see pid_namespaces(7): for the kernel, a Go program has a handler for
// every signal, and that of the runtime would end it.
func (s *shell) alwaysCaught() []unix.Signal {
	var caught []unix.Signal
	if s.interactive || os.Getpid() != 1 {
		caught = append(caught, unix.SIGINT)
	}
	if s.interactive {
		caught = append(caught, unix.SIGTERM, unix.SIGQUIT)
	}
	if s.control != nil {
		caught = append(caught, unix.SIGTSTP)
	}
	if os.Getpid() == 1 {
		caught = append(caught, unix.SIGTERM, unix.SIGQUIT, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM)
	}
	return caught
}
