package runtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/plan"
)

// Options are how a container is made.
type Options struct {
	// Bundle is the directory with config.json.
	Bundle string
	// PidFile is a file to write the pid to, or empty.
	PidFile string
	// ConsoleSocket and PidfdSocket are Unix sockets to which the terminal's master and a pidfd are sent, or empty.
	ConsoleSocket, PidfdSocket string
	// PreserveFDs is how many descriptors from 3 on the container gets, after those that LISTEN_FDS announces (sd_listen_fds(3)).
	PreserveFDs int
	// NoPivot changes the root by chroot(2), for a root filesystem on the initial ramdisk. NoNewKeyring leaves the session keyring as it is.
	NoPivot, NoNewKeyring bool
	// Cgroups says who makes the cgroup.
	Cgroups CgroupManager
	// Warn is told what goes wrong without being a failure.
	Warn func(error)
	// Planned is called with the plan and how it went, whether it went well or not. If nil, nothing is timed.
	Planned func(*plan.Plan, []plan.Timing)
}

// A CgroupManager is who makes a container's cgroup.
type CgroupManager int

// The runtime by itself, systemd at its request, or nobody.
const (
	Cgroupfs CgroupManager = iota
	Systemd
	NoCgroups
)

// Create makes a container whose process waits for Start. If it fails there is no container.
func (r Root) Create(id string, o Options) error {
	m, err := r.begin(id, o, true, true)
	if err != nil {
		return err
	}
	defer m.unlock()
	proc, err := m.run()
	if err != nil {
		return err
	}
	return unix.Close(proc.PidFD)
}

// PlanOnly makes the list of operations for a bundle and does nothing else.
func (r Root) PlanOnly(id string, o Options) (*plan.Plan, error) {
	m, err := r.plan(id, o, false, true)
	if err != nil {
		return nil, err
	}
	return m.planned.Plan, nil
}

// A making is a container under way.
type making struct {
	*Instance
	options Options
	spec    *specs.Spec
	further further
	planned *Planned
	inputs  map[string]int
	gated   bool
	sockets sockets
}

// plan reads the bundle and makes the list. detached and gated say that the caller won't stay with the container, and that it is to wait for Start.
func (r Root) plan(id string, o Options, detached, gated bool) (*making, error) {
	dir, err := r.dir(id)
	if err != nil {
		return nil, err
	}
	bundle, err := filepath.Abs(o.Bundle)
	if err != nil {
		return nil, err
	}
	spec, err := readSpec(filepath.Join(bundle, "config.json"))
	if err != nil {
		return nil, err
	}
	resolveRoot(spec.Root, bundle)
	if err := checkTerminal(spec, o, detached); err != nil {
		return nil, err
	}
	i := newInstance(dir, id, bundle, spec)
	host, err := Look()
	if err != nil {
		return nil, err
	}
	gated = gated || spec.Hooks != nil && len(spec.Hooks.StartContainer) > 0
	if err := preserved(listenFDs(), o.PreserveFDs); err != nil {
		return nil, err
	}
	m := &making{Instance: i, options: o, spec: spec, further: newFurther(spec), gated: gated, inputs: map[string]int{}}
	if spec.Process == nil && detached {
		spec.Process, i.Nothing = &specs.Process{Cwd: "/", Args: []string{"/"}}, true // it waits all the same
	}
	if m.planned, err = m.container(spec).Plan(host); err != nil {
		return nil, err
	}
	for _, warning := range m.planned.Warnings {
		o.Warn(errors.New(warning))
	}
	i.Cgroups = m.planned.Cgroup.Dirs()
	if u := m.planned.Cgroup.Unit(); u != nil {
		if i.Unit, err = json.Marshal(u); err != nil {
			return nil, err
		}
	}
	m.addRecord()
	m.sockets.addAgent(m.planned.Plan, spec)
	return m, nil
}

// resolveRoot makes the path of the root filesystem absolute and follows links in it, once: planning that looks into it and the plan are to mean the same
// directory. If there is none, carrying out the plan tells.
func resolveRoot(r *specs.Root, bundle string) {
	if r == nil || r.Path == "" {
		return
	}
	if !filepath.IsAbs(r.Path) {
		r.Path = filepath.Join(bundle, r.Path)
	}
	if dir, err := filepath.EvalSymlinks(r.Path); err == nil { //nolint:forbidigo // the caller's own path; what is in the root itself is never gone through like this
		r.Path = dir
	}
}

// newInstance is what is on record while the container is being made.
func newInstance(dir, id, bundle string, spec *specs.Spec) *Instance {
	self, _ := look(os.Getpid())
	i := &Instance{dir: dir, record: record{
		State:   State{Version: spec.Version, ID: id, Status: specs.StateCreating, Bundle: bundle, Created: time.Now().UTC(), Annotations: spec.Annotations},
		Creator: os.Getpid(), CreatorStart: self.start,
	}}
	if spec.Root != nil {
		i.Rootfs = spec.Root.Path
	}
	if h := spec.Hooks; h != nil {
		i.Hooks, _ = json.Marshal(specs.Hooks{StartContainer: h.StartContainer, Poststart: h.Poststart, Poststop: h.Poststop}) // strings and numbers
	}
	i.SharedPID = spec.Linux == nil || !slices.Contains(spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.PIDNamespace})
	return i
}

// container is what the plan is made for.
func (m *making) container(spec *specs.Spec) *Container {
	o := m.options
	c := &Container{
		ID: m.ID, Bundle: m.Bundle, Spec: spec, StateJSON: m.hookState, PreserveFDs: o.PreserveFDs,
		NoPivot: o.NoPivot, MountOn: m.path(mountDir), NoNewKeyring: o.NoNewKeyring, SystemdCgroup: o.Cgroups == Systemd, AllHierarchies: o.Cgroups != NoCgroups,
	}
	if m.gated {
		c.Gate = gateInput
	}
	if n := listenFDs(); n > 0 && spec.Process != nil {
		c.PreserveFDs += n
		spec.Process.Env = append(spec.Process.Env, "LISTEN_FDS="+strconv.Itoa(n), "LISTEN_PID=1")
	}
	return c
}

// checkTerminal refuses a terminal that nobody would hold, and a socket for none.
func checkTerminal(spec *specs.Spec, o Options, detached bool) error {
	terminal := spec.Process != nil && spec.Process.Terminal
	switch {
	case detached && terminal && o.ConsoleSocket == "":
		return errors.New("the configuration asks for a terminal (process.terminal): name a socket to send it to with --console-socket, or use run without --detach")
	case !detached && terminal && !standsAtTerminal():
		return errNoTerminal
	case o.ConsoleSocket != "" && !(detached && terminal):
		return errors.New("--console-socket is for a terminal (process.terminal) of a container that is left to itself")
	}
	return nil
}

var errNoTerminal = errors.New("the process asks for a terminal (process.terminal), and standard input is none: run it at a terminal, or without one, or detached with --console-socket")

func standsAtTerminal() bool {
	_, err := unix.IoctlGetTermios(0, unix.TCGETS)
	return err == nil
}

// listenFDs is how many descriptors somebody passed on to this very process; sd_listen_fds(3).
func listenFDs() int {
	if pid, err := strconv.Atoi(os.Getenv("LISTEN_PID")); err != nil || pid != os.Getpid() {
		return 0
	}
	n, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// preserved checks that as many descriptors from 3 on are there as are announced and asked for. They were inherited: what this program opens itself comes later, and is
// closed at execve.
func preserved(announced, asked int) error {
	n := announced + asked
	if asked < 0 || n < 0 {
		return fmt.Errorf("--preserve-fds %d: it is how many descriptors from 3 on are passed on, 0 or more", asked)
	}
	for fd := 3; fd-3 < n; fd++ {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC != 0 {
			return fmt.Errorf("--preserve-fds and LISTEN_FDS promise %d descriptors, and number %d isn't one of the caller's", n, fd)
		}
	}
	return nil
}

// The plan's names for the FIFO and for the lock.
const (
	gateInput = "gate"
	lockInput = "lock"
)

// addRecord adds to the plan that the forked process is written down at once: if this program is killed, the next command must find it. And it doesn't
// hold the lock, which would outlive the one who has taken it (flock(2)).
func (m *making) addRecord() {
	p, last := m.planned.Plan, 0
	for n, op := range p.Ops {
		if op.Calls[0].Clones() { // a second one makes another process of it
			last = n
		}
	}
	calls := p.WriteFile(plan.Str(m.path(childFile)), plan.Concat(plan.Ref("child")))
	calls[0].Args[2] = plan.Sym("O_WRONLY|O_CREAT|O_CLOEXEC", unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC)
	calls[0].Args = append(calls[0].Args, plan.Mode(0o600))
	p.Ops = slices.Insert(p.Ops, last+1, plan.Op{Actor: plan.Parent, What: "recording the child", Why: "if we are killed, delete --force finds it there", Calls: calls})
	first := slices.IndexFunc(p.Ops, func(op plan.Op) bool { return op.Actor == plan.Child })
	p.Ops = slices.Insert(p.Ops, first, plan.Op{Actor: plan.Child, What: "letting go of the container's lock", Why: "that is its creator's, and ends with it",
		Calls: []plan.Call{{Name: "close", Args: []plan.Arg{plan.Ref(lockInput)}}}})
}

// begin plans the container and makes its directory. The lock is held from here on.
func (r Root) begin(id string, o Options, detached, gated bool) (*making, error) {
	m, err := r.plan(id, o, detached, gated)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(string(r), 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of containers: %w", err)
	}
	err = os.Mkdir(m.dir, 0o711)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("container %s: %w", id, ErrExist)
	}
	if err != nil {
		return nil, fmt.Errorf("making the directory of container %s: %w", id, err)
	}
	if m.lock, err = lockDir(m.dir, func() {}); err != nil {
		return nil, fmt.Errorf("container %s: %w", id, err) // somebody deleted it in this very moment
	}
	// A cgroup with others in it must not go on record as this container's: what is on record is cleared, with all that runs there.
	if err = m.planned.Cgroup.Vacant(); err == nil {
		err = m.prepare()
	}
	if err != nil {
		err = errors.Join(err, m.removeDir())
		m.unlock()
		return nil, err
	}
	return m, nil
}

// prepare writes what is on record and opens what the plan needs.
func (m *making) prepare() error {
	err := m.saveFurther(m.further, m.spec.Linux.Seccomp, m.planned.Filter)
	if err != nil {
		return err
	}
	if m.planned.Shared {
		if err := os.Mkdir(m.path(mountDir), 0o700); err != nil {
			return fmt.Errorf("making a directory to mount the root on: %w", err)
		}
	}
	if err := writable(m.options.PidFile); err != nil {
		return err
	}
	if m.sockets, err = connect(m.options.ConsoleSocket, m.options.PidfdSocket); err != nil {
		return err
	}
	m.inputs[lockInput] = int(m.lock.Fd())
	if m.gated {
		if err := unix.Mkfifo(m.path(gateFile), 0o600); err != nil {
			return fmt.Errorf("making the FIFO at which the container waits: %w", err)
		}
		// Opened both ways so that neither end waits for the other (fifo(7)).
		if m.inputs[gateInput], err = unix.Open(m.path(gateFile), unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
			return fmt.Errorf("opening the FIFO at which the container waits: %w", err)
		}
	}
	return m.save()
}

// run carries the plan out. If that fails the container is gone, and its poststop hooks have run (runtime.md, "Lifecycle").
func (m *making) run() (*plan.Process, error) {
	defer m.sockets.close()
	proc, err := carryOut(m.planned, m.inputs, m.options.Planned)
	if gate, ok := m.inputs[gateInput]; ok {
		unix.Close(gate) // from here on only the child holds it, so that it tells whether the child waits
	}
	if err == nil {
		self, _ := look(proc.Pid)
		m.Pid, m.Start, m.Status = proc.Pid, self.start, specs.StateCreated
		if err = errors.Join(m.save(), m.sockets.send(proc), m.sendListener(m.sockets.agent, proc, m.spec), writePid(m.options.PidFile, proc.Pid)); err == nil {
			return proc, nil
		}
		kill(proc)
	}
	return nil, errors.Join(err, m.destroy(m.options.Warn))
}

// writable tells before there is a process whether its pid can be written: the program of run doesn't wait for that.
func writable(pidFile string) error {
	if pidFile == "" {
		return nil
	}
	if err := unix.Access(filepath.Dir(pidFile), unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("writing the pid to %s: %w", pidFile, err)
	}
	return nil
}

// writePid writes a pid for somebody who waits for the file to appear.
func writePid(file string, pid int) error {
	if file == "" {
		return nil
	}
	if err := Replace(file, []byte(strconv.Itoa(pid)), 0o644); err != nil {
		return fmt.Errorf("writing the pid: %w", err)
	}
	return nil
}

// carryOut runs a plan, timed if somebody wants to know.
func carryOut(p *Planned, inputs map[string]int, planned func(*plan.Plan, []plan.Timing)) (*plan.Process, error) {
	o := plan.Options{Inputs: inputs}
	var timings []plan.Timing
	if planned != nil {
		o.Timed = func(t plan.Timing) { timings = append(timings, t) }
		defer func() { planned(p.Plan, timings) }()
	}
	return p.Run(o)
}

// kill ends a process that this one has forked.
func kill(proc *plan.Process) {
	_ = unix.PidfdSendSignal(proc.PidFD, unix.SIGKILL, nil, 0) // it may have ended
	_, _ = proc.Wait()
	unix.Close(proc.PidFD)
}
