package runtime

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"stave/final/plan"
)

// A Foreground is how somebody stays with a process until it ends.
type Foreground struct {
	// Ready is called before there is a process. From then on no signal that is meant for it may end us instead.
	Ready func()
	// Started is called with a pidfd of the process and the terminal's master, which is nil without a terminal. It returns what to call at
	// the end. The process may be gone already.
	Started func(pidfd int, terminal *os.File) (ended func())
}

// wait is from the start of the process to its end, with its exit code as a shell has it.
func (f Foreground) wait(proc *plan.Process) (int, error) {
	defer unix.Close(proc.PidFD)
	terminal := OpenTerminal(proc)
	defer terminal.Close()
	ended := f.Started(proc.PidFD, terminal)
	code, err := proc.Wait()
	ended()
	return code, err
}

// OpenTerminal is the master of a process's terminal, or nil if it has none, which can be closed all the same.
func OpenTerminal(proc *plan.Process) *os.File {
	fd, ok := proc.Result(Terminal)
	if !ok {
		return nil
	}
	_ = unix.SetNonblock(fd, true) // so that it can be closed while somebody reads from it
	return os.NewFile(uintptr(fd), "terminal")
}

// Run makes a container, starts it, waits for its end and removes it, unless it is to be kept. A nil f leaves it to itself as soon as it runs.
func (r Root) Run(id string, o Options, keep bool, f *Foreground) (int, error) {
	m, err := r.begin(id, o, f == nil, false)
	if err != nil {
		return 0, err
	}
	defer m.unlock()
	if f != nil {
		f.Ready()
	}
	proc, err := m.run()
	if err != nil {
		return 0, err
	}
	if m.gated {
		err = m.start(o.Warn)
	} else {
		err = m.afterStart(o.Warn)
	}
	if err != nil {
		kill(proc)
		return 0, err
	}
	m.unlock()
	if f == nil {
		return 0, unix.Close(proc.PidFD)
	}
	code, err := f.wait(proc)
	if keep || err != nil {
		return code, err
	}
	i, err := r.locked(id)
	if errors.Is(err, ErrNotExist) {
		return code, nil // somebody else has deleted it
	}
	if err != nil {
		return code, err
	}
	defer i.unlock()
	return code, i.destroy(o.Warn)
}
