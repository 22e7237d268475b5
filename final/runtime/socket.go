package runtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/plan"
	"stave/final/security"
)

// The sockets to which a caller has the terminal's master and a pidfd sent, which are connected before anything is made, and the seccomp agent's, to which
// the plan connects; -1 for none.
type sockets struct{ console, pidfd, agent int }

func connect(console, pidfd string) (sockets, error) {
	s := sockets{-1, -1, -1}
	var err error
	if s.console, err = dial(console); err != nil {
		return s, err
	}
	if s.pidfd, err = dial(pidfd); err != nil {
		s.close()
	}
	return s, err
}

// dial connects to a Unix socket. Not by package net, which would start with every command.
func dial(name string) (int, error) {
	if name == "" {
		return -1, nil
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("making a socket: %w", err)
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: name}); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("connecting to the socket %s: %w", name, err)
	}
	return fd, nil
}

func (s *sockets) close() {
	for _, fd := range []int{s.console, s.pidfd, s.agent} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// send passes the descriptors on (SCM_RIGHTS, unix(7)), each with a name, as runc does.
func (s *sockets) send(proc *plan.Process) error {
	if s.console >= 0 {
		terminal, ok := proc.Result(Terminal)
		if !ok {
			return errors.New("sending the terminal: the plan has made none")
		}
		defer unix.Close(terminal)
		if err := unix.Sendmsg(s.console, []byte("/dev/ptmx"), unix.UnixRights(terminal), nil, 0); err != nil {
			return fmt.Errorf("sending the terminal: %w", err)
		}
	}
	if s.pidfd >= 0 {
		if err := unix.Sendmsg(s.pidfd, []byte("pidfd"), unix.UnixRights(proc.PidFD), nil, 0); err != nil {
			return fmt.Errorf("sending the pidfd: %w", err)
		}
	}
	return nil
}

// addAgent adds to the plan that the seccomp agent is connected to before there is a filter: no program may run whose calls nobody is there to decide
// about. It comes after the hooks, one of which may have started the agent.
func (s *sockets) addAgent(p *plan.Plan, spec *specs.Spec) {
	filter := slices.IndexFunc(p.Ops, func(op plan.Op) bool { return op.Calls[0].Result == security.Listener })
	if filter < 0 {
		return
	}
	p.Ops = slices.Insert(p.Ops, filter, plan.Op{Actor: plan.Parent, What: "connecting to the seccomp agent", Step: "09-security",
		Why:   "without it nobody would answer the filter's questions",
		Calls: []plan.Call{{Name: "connect", Ask: func(int) (err error) { s.agent, err = dial(spec.Linux.Seccomp.ListenerPath); return err }}}})
}

// sendListener passes on the listener of a seccomp filter, with the state of the container (config-linux.md, "The Container Process State").
func (i *Instance) sendListener(agent int, proc *plan.Process, spec *specs.Spec) error {
	listener, ok := proc.Result(Listener)
	if !ok {
		return nil
	}
	defer unix.Close(listener)
	status := i.Now()
	b, err := json.Marshal(specs.ContainerProcessState{
		Version: i.Version, Fds: []string{specs.SeccompFdName}, Pid: proc.Pid, Metadata: spec.Linux.Seccomp.ListenerMetadata,
		State: specs.State{Version: i.Version, ID: i.ID, Status: status.Status, Pid: status.Pid, Bundle: i.Bundle, Annotations: i.Annotations},
	})
	if err != nil {
		return err
	}
	if err := unix.Sendmsg(agent, b, unix.UnixRights(listener), nil, 0); err != nil {
		return fmt.Errorf("sending the seccomp listener: %w", err)
	}
	return nil
}
