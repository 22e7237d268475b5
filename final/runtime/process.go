package runtime

import (
	"fmt"
	"path"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/cgroup"
	"stave/final/plan"
)

// hierarchyMount is one hierarchy inside a container.
func hierarchyMount(m specs.Mount, h cgroup.Hierarchy) specs.Mount {
	one := specs.Mount{Type: "cgroup", Source: "cgroup", Destination: path.Join(m.Destination, path.Base(h.Mount)), Options: append([]string{}, m.Options...)}
	if h.V2 {
		one.Type = "cgroup2"
		return one
	}
	for _, c := range h.Controllers {
		if name, ok := strings.CutPrefix(c, "name="); ok {
			one.Options = append(one.Options, "none", "name="+name)
			continue
		}
		one.Options = append(one.Options, c)
	}
	return one
}

func (b *builder) umask(what string, mask uint32) {
	b.plan.Add(plan.Op{Actor: plan.Child, What: what, Step: "03-mount",
		Calls: []plan.Call{{Name: "umask", Args: []plan.Arg{plan.Mode(mask)}}}})
}

// keyring gives the container a session keyring of its own: the caller's may hold secrets (keyrings(7)).
func (b *builder) keyring() {
	if b.NoNewKeyring {
		return
	}
	b.plan.Add(plan.Op{Actor: plan.Child, What: "making a session keyring", Why: "the caller's keys are not the container's (session-keyring(7))",
		Calls: []plan.Call{{Name: "keyctl", Args: []plan.Arg{plan.Sym("KEYCTL_JOIN_SESSION_KEYRING", unix.KEYCTL_JOIN_SESSION_KEYRING), plan.Str("_ses." + b.ID)},
			// Kernels without keyrings, and containers that may not use them, have no keys to give away either.
			Allow: []unix.Errno{unix.ENOSYS, unix.EPERM, unix.EDQUOT}}}})
}

// session takes the child out of the caller's, and gives it the standard streams that the caller chose, unless it gets a terminal.
func (b *builder) session() {
	op := plan.Op{Actor: plan.Child, What: "starting a session", Step: "02-pid",
		Why:   "signals from the caller's terminal are for the caller, who passes them on",
		Calls: []plan.Call{{Name: "setsid"}}}
	if !b.Spec.Process.Terminal {
		for fd, name := range b.Stdio {
			if name != "" && name != Null {
				op.Calls = append(op.Calls, plan.Call{Name: "dup3", Args: []plan.Arg{plan.Ref(name), plan.Int(fd), plan.Int(0)}})
			}
		}
	}
	b.plan.Add(op)
}

// null opens the container's own null device for those standard streams that are to be one, or were the host's, whose mode root inside could change by its descriptor. It
// comes once the root is the container's.
func (b *builder) null() {
	var calls []plan.Call
	for fd, name := range b.Stdio {
		if name == Null || name == "" && b.host.Streams.Null[fd] {
			calls = append(calls, plan.Call{Name: "dup3", Args: []plan.Arg{plan.Ref("null"), plan.Int(fd), plan.Int(0)}})
		}
	}
	if len(calls) == 0 || b.Spec.Process.Terminal {
		return
	}
	open := plan.Call{Name: "openat", Result: "null", Args: []plan.Arg{plan.AtCWD(), plan.Str("/dev/null"), plan.Sym("O_RDWR|O_NOFOLLOW|O_CLOEXEC", unix.O_RDWR|unix.O_NOFOLLOW|unix.O_CLOEXEC)}}
	b.plan.Add(plan.Op{Actor: plan.Child, What: "opening the container's null device", Step: "03-mount", Why: "for a standard stream that is nothing; the host's stays outside",
		Calls: append([]plan.Call{open}, calls...)})
}

// pipes gives the program's user those standard streams that are pipes: whoever opens /dev/stdout opens the pipe anew, with the rights of its owner (proc(5), /proc/PID/fd).
// runc and crun do that too. Where the container's ids are others the owner stays.
func (b *builder) pipes() {
	op := plan.Op{Actor: plan.Child, What: "giving the program's user the pipes", Step: "08-user", Why: "it may open /dev/stdout and the like"}
	for fd, name := range b.Stdio {
		if name == "" && b.host.Streams.Pipe[fd] {
			op.Calls = append(op.Calls, plan.Call{Name: "fchownat", Allow: []unix.Errno{unix.EPERM, unix.EINVAL},
				Args: []plan.Arg{plan.Int(fd), plan.Str(""), plan.Int(int(b.Spec.Process.User.UID)), plan.Sym("-1", -1), plan.Sym("AT_EMPTY_PATH", unix.AT_EMPTY_PATH)}})
		}
	}
	if len(op.Calls) > 0 && b.Spec.Process.User.UID != 0 && !b.Spec.Process.Terminal {
		b.plan.Add(op)
	}
}

const ptmxFlags = unix.O_RDWR | unix.O_NOCTTY | unix.O_CLOEXEC

// terminal makes a pseudo-terminal inside, whose master the parent fetches by pidfd_getfd(2). root names the descriptor of the container's root directory; if it is
// empty, the child's root is that already. No link is followed, because what it led to would be opened with more rights than the container has (CVE-2025-52565).
func (b *builder) terminal(root string) {
	p := &b.plan
	where, flags := plan.AtCWD(), plan.Bytes("{O_RDWR|O_NOCTTY|O_CLOEXEC, RESOLVE_NO_SYMLINKS}", plan.Words(ptmxFlags, 0, unix.RESOLVE_NO_SYMLINKS))
	if root != "" {
		where = plan.Ref(root)
		flags = plan.Bytes("{O_RDWR|O_NOCTTY|O_CLOEXEC, RESOLVE_IN_ROOT|RESOLVE_NO_SYMLINKS}", plan.Words(ptmxFlags, 0, unix.RESOLVE_IN_ROOT|unix.RESOLVE_NO_SYMLINKS))
	}
	p.Add(plan.Op{Actor: plan.Child, What: "making a terminal", Step: "03-mount",
		Why: "a pseudo-terminal of the container's own devpts (pty(7)); its slave is asked for by the master, not by a name (ioctl_tty(2))",
		Calls: []plan.Call{
			{Name: "openat2", Args: []plan.Arg{where, plan.Str("/dev/pts/ptmx"), flags, plan.Int(howSize)}, Result: "ptmx"},
			{Name: "ioctl", Args: []plan.Arg{plan.Ref("ptmx"), plan.Sym("TIOCSPTLCK", unix.TIOCSPTLCK), plan.Bytes("{0}", plan.HalfWords(0))}},
			{Name: "ioctl", Args: []plan.Arg{plan.Ref("ptmx"), plan.Sym("TIOCGPTPEER", unix.TIOCGPTPEER), plan.Sym("O_RDWR|O_NOCTTY|O_CLOEXEC", ptmxFlags)}, Result: slave},
		}})
	p.Add(plan.Op{Actor: plan.Parent, What: "fetching the terminal's master", Step: "03-mount",
		Why:   "what is typed outside goes in by it, and what is printed inside comes out",
		Calls: []plan.Call{{Name: "pidfd_getfd", Args: []plan.Arg{plan.Ref("pidfd"), plan.Ref("ptmx"), plan.Int(0)}, Result: Terminal}}})
	b.takeTerminal()
}

const (
	slave   = "slave"
	howSize = 24 // bytes of a struct open_how (openat2(2))
)

// takeTerminal makes the slave the child's controlling terminal and its standard streams.
func (b *builder) takeTerminal() {
	fd := plan.Ref(slave)
	var calls []plan.Call
	if s := b.Spec.Process.ConsoleSize; s != nil {
		size := []byte{byte(s.Height), byte(s.Height >> 8), byte(s.Width), byte(s.Width >> 8), 0, 0, 0, 0} // struct winsize, little-endian on both machines
		calls = append(calls, plan.Call{Name: "ioctl", Args: []plan.Arg{fd, plan.Sym("TIOCSWINSZ", unix.TIOCSWINSZ), plan.Bytes(fmt.Sprintf("{%d, %d}", s.Height, s.Width), size)}})
	}
	calls = append(calls,
		plan.Call{Name: "fchownat", Args: []plan.Arg{fd, plan.Str(""), plan.Int(int(b.Spec.Process.User.UID)), plan.Sym("-1", -1), plan.Sym("AT_EMPTY_PATH", unix.AT_EMPTY_PATH)}},
		plan.Call{Name: "ioctl", Args: []plan.Arg{fd, plan.Sym("TIOCSCTTY", unix.TIOCSCTTY), plan.Int(0)}})
	for n := range 3 {
		calls = append(calls, plan.Call{Name: "dup3", Args: []plan.Arg{fd, plan.Int(n), plan.Int(0)}})
	}
	b.plan.Add(plan.Op{Actor: plan.Child, What: "taking the terminal", Step: "03-mount",
		Why: "it becomes standard input, output and error, and where Ctrl-C comes from", Calls: calls})
}

// hooks are run when all of the container is there and its root not yet exchanged (config.md, "POSIX-platform Hooks").
func (b *builder) hooks() {
	h := b.Spec.Hooks
	if h == nil {
		return
	}
	var calls []plan.Call
	calls = append(calls, b.hookCalls(h.Prestart, 0)...) //nolint:staticcheck // deprecated in the specification, and still what some callers use
	calls = append(calls, b.hookCalls(h.CreateRuntime, 0)...)
	calls = append(calls, b.hookCalls(h.CreateContainer, b.namespaces.Flags())...)
	if len(calls) > 0 {
		b.plan.Add(plan.Op{Actor: plan.Parent, What: "running hooks", Why: "programs that the configuration names; they get the container's state on standard input", Calls: calls})
	}
}

// process is the last stretch, from root to the program.
func (b *builder) process() error {
	if b.Gate != "" {
		b.closeRest()
	}
	a := &attributes{plan: &b.plan, process: b.Spec.Process, linux: b.Spec.Linux, filter: b.Filter, mapping: b.mapping, userns: b.userns, waits: b.Gate != "", have: b.host.Grantable(b.userns), setgroups: b.host.SetGroups}
	if err := a.add(); err != nil {
		return err
	}
	b.filter = a.filter
	b.warnings = append(b.warnings, a.warnings...)
	b.dieWithParent()
	if b.Gate != "" {
		b.wait()
	}
	a.late()
	return execve(&b.plan, b.Spec.Process, "")
}

func closeInherited(p *plan.Plan, preserved int) {
	p.Add(plan.Op{Actor: plan.Child, What: "closing inherited descriptors at execve", Step: "02-pid",
		Why:   "a descriptor left open is a way out to what it refers to (CVE-2024-21626)",
		Calls: []plan.Call{{Name: "close_range", Args: []plan.Arg{plan.Int(3 + preserved), plan.Sym("~0U", 1<<32-1), plan.Sym("CLOSE_RANGE_CLOEXEC", unix.CLOSE_RANGE_CLOEXEC)}}}})
}

// closeRest leaves nothing open but what the program gets, and the gate. A created container may wait for long, and nothing keeps others in its pid namespace from what
// it has open (CVE-2016-9962). It comes before the filter, which may not know the calls, and before the limit of descriptors.
func (b *builder) closeRest() {
	at, gate := b.gate(), b.plan.Name("gate")
	b.plan.Add(plan.Op{Actor: plan.Child, What: "closing all descriptors but the gate's", Step: "02-pid",
		Why: "the container may wait for long, and what it has open until then is the host's (CVE-2016-9962)", Calls: []plan.Call{
			{Name: "fcntl", Args: []plan.Arg{plan.Ref(b.Gate), plan.Sym("F_DUPFD_CLOEXEC", unix.F_DUPFD_CLOEXEC), plan.Int(at + 1)}, Result: gate},
			{Name: "dup3", Args: []plan.Arg{plan.Ref(gate), plan.Int(at), plan.Sym("O_CLOEXEC", unix.O_CLOEXEC)}},
			{Name: "close_range", Args: []plan.Arg{plan.Int(at + 1), plan.Sym("~0U", 1<<32-1), plan.Int(0)}},
		}})
}

// wait is where a created container is until it is started.
func (b *builder) wait() {
	b.plan.Leave("the container is created; what comes now happens when it is started")
	b.plan.Add(plan.Op{Actor: plan.Child, What: "waiting to be started", Why: "a read from a named pipe that nobody writes to before",
		Calls: []plan.Call{{Name: "read", Args: []plan.Arg{plan.Int(b.gate()), plan.Bytes("&byte", make([]byte, 1)), plan.Int(1)}}}})
}

// gate is the descriptor of the pipe where a created container waits to be started: the first after those that its program gets.
func (b *builder) gate() int { return 3 + b.PreserveFDs }

// oomScore has the parent set oom_score_adj: as root of the machine it may lower it, which the container's root can't.
func (b *builder) oomScore() {
	n := b.Spec.Process.OOMScoreAdj
	if n == nil {
		return
	}
	calls := b.plan.WriteFile(plan.Concat(plan.Str("/proc/"), plan.Ref("child"), plan.Str("/oom_score_adj")), plan.Str(fmt.Sprint(*n)))
	if !b.host.Privileged {
		calls[1].Allow = []unix.Errno{unix.EACCES, unix.EPERM} // as runc: callers pass on the value their own daemon has
	}
	b.plan.Add(plan.Op{Actor: plan.Parent, What: fmt.Sprintf("setting oom_score_adj to %d", *n), Step: "04-cgroups", Why: "who is killed first when memory runs out (proc(5))", Calls: calls})
}

// unsupported names the first thing a configuration asks for that wouldn't be done.
func unsupported(s *specs.Spec) error {
	switch {
	case s.Root == nil || s.Root.Path == "":
		return fmt.Errorf("the configuration has no root.path")
	case s.Process == nil:
		return fmt.Errorf("the configuration has no process")
	case s.Linux == nil:
		return fmt.Errorf("the configuration has no linux")
	case s.Windows != nil || s.Solaris != nil || s.VM != nil || s.ZOS != nil || s.FreeBSD != nil:
		return fmt.Errorf("the configuration is also for another system than Linux")
	}
	l := s.Linux
	for _, f := range []struct {
		set  bool
		name string
	}{
		{l.IntelRdt != nil, "linux.intelRdt"},
		{l.MemoryPolicy != nil, "linux.memoryPolicy"},
		{len(l.NetDevices) > 0, "linux.netDevices"},
	} {
		if f.set {
			return fmt.Errorf("the configuration's %s is not supported", f.name)
		}
	}
	return nil
}
