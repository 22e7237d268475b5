package runtime

import (
	"fmt"
	"path"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/cgroup"
	"stave/final/plan"
	"stave/final/user"
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

// terminal makes the standard streams: a pseudo-terminal made inside, whose master the parent fetches by pidfd_getfd(2), or
// descriptors that the caller gave. Either way the container is a session of its own.
func (b *builder) terminal() {
	p := &b.plan
	op := plan.Op{Actor: plan.Child, What: "starting a session", Step: "02-pid",
		Why:   "signals from the caller's terminal are for the caller, who passes them on",
		Calls: []plan.Call{{Name: "setsid"}}}
	if !b.Spec.Process.Terminal {
		for fd, name := range b.Stdio {
			if name != "" {
				op.Calls = append(op.Calls, plan.Call{Name: "dup3", Args: []plan.Arg{plan.Ref(name), plan.Int(fd), plan.Int(0)}})
			}
		}
		p.Add(op)
		return
	}
	const rdwr = unix.O_RDWR | unix.O_NOCTTY | unix.O_CLOEXEC
	p.Add(op)
	p.Add(plan.Op{Actor: plan.Child, What: "making a terminal", Step: "03-mount",
		Why: "a pseudo-terminal of the container's own devpts (pty(7)); its slave is asked for by the master, not by a name (ioctl_tty(2))",
		Calls: []plan.Call{
			{Name: "openat", Args: []plan.Arg{plan.AtCWD(), plan.Str("/dev/pts/ptmx"), plan.Sym("O_RDWR|O_NOCTTY|O_CLOEXEC", rdwr)}, Result: "ptmx"},
			{Name: "ioctl", Args: []plan.Arg{plan.Ref("ptmx"), plan.Sym("TIOCSPTLCK", unix.TIOCSPTLCK), plan.Bytes("{0}", plan.HalfWords(0))}},
			{Name: "ioctl", Args: []plan.Arg{plan.Ref("ptmx"), plan.Sym("TIOCGPTPEER", unix.TIOCGPTPEER), plan.Sym("O_RDWR|O_NOCTTY|O_CLOEXEC", rdwr)}, Result: "slave"},
		}})
	p.Add(plan.Op{Actor: plan.Parent, What: "fetching the terminal's master", Step: "03-mount",
		Why:   "what is typed outside goes in by it, and what is printed inside comes out",
		Calls: []plan.Call{{Name: "pidfd_getfd", Args: []plan.Arg{plan.Ref("pidfd"), plan.Ref("ptmx"), plan.Int(0)}, Result: Terminal}}})
	b.console()
}

// console makes the slave the child's controlling terminal, its standard streams and /dev/console.
func (b *builder) console() {
	slave := plan.Ref("slave")
	var calls []plan.Call
	if s := b.Spec.Process.ConsoleSize; s != nil {
		size := []byte{byte(s.Height), byte(s.Height >> 8), byte(s.Width), byte(s.Width >> 8), 0, 0, 0, 0} // struct winsize, little-endian on both machines
		calls = append(calls, plan.Call{Name: "ioctl", Args: []plan.Arg{slave, plan.Sym("TIOCSWINSZ", unix.TIOCSWINSZ), plan.Bytes(fmt.Sprintf("{%d, %d}", s.Height, s.Width), size)}})
	}
	calls = append(calls,
		plan.Call{Name: "fchownat", Args: []plan.Arg{slave, plan.Str(""), plan.Int(int(b.Spec.Process.User.UID)), plan.Sym("-1", -1), plan.Sym("AT_EMPTY_PATH", unix.AT_EMPTY_PATH)}},
		plan.Call{Name: "ioctl", Args: []plan.Arg{slave, plan.Sym("TIOCSCTTY", unix.TIOCSCTTY), plan.Int(0)}})
	for fd := range 3 {
		calls = append(calls, plan.Call{Name: "dup3", Args: []plan.Arg{slave, plan.Int(fd), plan.Int(0)}})
	}
	b.plan.Add(plan.Op{Actor: plan.Child, What: "taking the terminal", Step: "03-mount",
		Why: "it becomes standard input, output and error, and where Ctrl-C comes from", Calls: calls})
}

// process is the last stretch, from root to the program.
func (b *builder) process() error {
	p, proc := &b.plan, b.Spec.Process
	for _, r := range proc.Rlimits {
		if err := b.rlimit(r); err != nil {
			return err
		}
	}
	if proc.OOMScoreAdj != nil {
		p.Add(plan.Op{Actor: plan.Child, What: "setting oom_score_adj", Step: "04-cgroups", Why: "who is killed first when memory runs out (proc(5))",
			Calls: p.WriteFile(plan.Str("/proc/self/oom_score_adj"), plan.Str(fmt.Sprint(*proc.OOMScoreAdj)))})
	}
	b.umask("setting the usual umask", 0o22)
	if err := user.Credentials(p, proc.User, b.mapping); err != nil {
		return err
	}
	if proc.NoNewPrivileges {
		p.Add(plan.Op{Actor: plan.Child, What: "giving up new privileges", Step: "09-security", Why: "setuid programs gain nothing from here on",
			Calls: []plan.Call{{Name: "prctl", Args: []plan.Arg{plan.Sym("PR_SET_NO_NEW_PRIVS", unix.PR_SET_NO_NEW_PRIVS), plan.Int(1), plan.Int(0), plan.Int(0), plan.Int(0)}}}})
	}
	b.dieWithParent()
	return b.execve()
}

var rlimits = map[string]int{
	"RLIMIT_AS": unix.RLIMIT_AS, "RLIMIT_CORE": unix.RLIMIT_CORE, "RLIMIT_CPU": unix.RLIMIT_CPU, "RLIMIT_DATA": unix.RLIMIT_DATA,
	"RLIMIT_FSIZE": unix.RLIMIT_FSIZE, "RLIMIT_LOCKS": unix.RLIMIT_LOCKS, "RLIMIT_MEMLOCK": unix.RLIMIT_MEMLOCK, "RLIMIT_MSGQUEUE": unix.RLIMIT_MSGQUEUE,
	"RLIMIT_NICE": unix.RLIMIT_NICE, "RLIMIT_NOFILE": unix.RLIMIT_NOFILE, "RLIMIT_NPROC": unix.RLIMIT_NPROC, "RLIMIT_RSS": unix.RLIMIT_RSS,
	"RLIMIT_RTPRIO": unix.RLIMIT_RTPRIO, "RLIMIT_RTTIME": unix.RLIMIT_RTTIME, "RLIMIT_SIGPENDING": unix.RLIMIT_SIGPENDING, "RLIMIT_STACK": unix.RLIMIT_STACK,
}

func (b *builder) rlimit(r specs.POSIXRlimit) error {
	number, ok := rlimits[r.Type]
	if !ok {
		return fmt.Errorf("process.rlimits: there is no %s (getrlimit(2))", r.Type)
	}
	b.plan.Add(plan.Op{Actor: plan.Child, What: fmt.Sprintf("setting %s to %d (hard %d)", r.Type, r.Soft, r.Hard), Step: "04-cgroups",
		Calls: []plan.Call{{Name: "prlimit64", Args: []plan.Arg{plan.Int(0), plan.Sym(r.Type, number),
			plan.Bytes(fmt.Sprintf("{%d, %d}", r.Soft, r.Hard), plan.Words(r.Soft, r.Hard)), plan.Null()}}}})
	return nil
}

// defaultPath is where programs are looked for when the environment doesn't say.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// execve ends the list. A name without a slash is tried in each directory of the container's PATH, as execvp(3) does.
func (b *builder) execve() error {
	proc := b.Spec.Process
	if len(proc.Args) == 0 || proc.Args[0] == "" {
		return fmt.Errorf("there is no program to run: name one after the image")
	}
	candidates := []string{proc.Args[0]}
	if !strings.Contains(proc.Args[0], "/") {
		candidates = nil
		for dir := range strings.SplitSeq(searchPath(proc.Env), ":") {
			candidates = append(candidates, path.Join("/", dir, proc.Args[0]))
		}
	}
	op := plan.Op{Actor: plan.Child, What: "executing " + proc.Args[0], Step: "01-uts", Why: "the child becomes the program; nothing of the runtime is left in it"}
	for _, name := range candidates {
		op.Calls = append(op.Calls, plan.Call{Name: "execve", Args: []plan.Arg{plan.Str(name), plan.Strs(proc.Args), plan.Strs(proc.Env)},
			Allow: []unix.Errno{unix.ENOENT, unix.ENOTDIR, unix.EACCES}})
	}
	op.Calls[len(op.Calls)-1].Allow = nil
	b.plan.Add(op)
	return nil
}

func searchPath(env []string) string {
	for _, e := range env {
		if value, ok := strings.CutPrefix(e, "PATH="); ok {
			return value
		}
	}
	return defaultPath
}

// unsupported names the first thing a configuration asks for that wouldn't be done.
func unsupported(s *specs.Spec) error {
	if s.Root == nil || s.Process == nil || s.Linux == nil {
		return fmt.Errorf("the configuration needs root, process and linux")
	}
	l, proc := s.Linux, s.Process
	for _, f := range []struct {
		set  bool
		name string
	}{
		{s.Hooks != nil, "hooks"},
		{l.Seccomp != nil, "linux.seccomp"},
		{l.IntelRdt != nil, "linux.intelRdt"},
		{len(l.Sysctl) > 0, "linux.sysctl"},
		{len(l.Devices) > 0, "linux.devices"},
		{l.RootfsPropagation != "", "linux.rootfsPropagation"},
		{l.MountLabel != "", "linux.mountLabel"},
		{l.Personality != nil, "linux.personality"},
		{l.CgroupsPath != "", "linux.cgroupsPath"},
		{len(l.TimeOffsets) > 0, "linux.timeOffsets"},
		{proc.Capabilities != nil, "process.capabilities"},
		{proc.ApparmorProfile != "", "process.apparmorProfile"},
		{proc.SelinuxLabel != "", "process.selinuxLabel"},
		{proc.Scheduler != nil, "process.scheduler"},
		{proc.IOPriority != nil, "process.ioPriority"},
		{proc.ExecCPUAffinity != nil, "process.execCPUAffinity"},
	} {
		if f.set {
			return fmt.Errorf("the configuration's %s is not supported", f.name)
		}
	}
	return nil
}
