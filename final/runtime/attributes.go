package runtime

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/plan"
	"stave/final/security"
	"stave/final/user"
)

// attributes are what a process has that becomes the container's program, first or by exec.
type attributes struct {
	plan      *plan.Plan
	process   *specs.Process
	linux     *specs.Linux
	mapping   *user.Mapping
	userns    bool
	waits     bool   // it is executed later, when nobody hears that there is no program
	have      uint64 // the capabilities that can be granted
	setgroups bool   // it is allowed without a user namespace of its own

	filter   *security.Filter
	warnings []string
}

// add appends the child's operations up to the point where only the program is missing.
func (a *attributes) add() error {
	p, proc := a.plan, a.process
	for _, part := range []func() error{a.rlimits, a.scheduling, a.personality, a.compile} {
		if err := part(); err != nil {
			return err
		}
	}
	// Before any filter: those of Docker and others refuse the calls that this takes.
	if err := security.Labels(p, proc.ApparmorProfile, proc.SelinuxLabel); err != nil {
		return err
	}
	if a.early() {
		// Whatever comes after the filter it must allow, and that is as little as can be: an old profile doesn't know faccessat2(2).
		if a.waits {
			if err := lookUp(p, proc); err != nil {
				return err
			}
		}
		a.install() // while there is CAP_SYS_ADMIN, which it takes (seccomp(2))
	}
	p.Add(plan.Op{Actor: plan.Child, What: "setting the usual umask", Step: "03-mount", Calls: []plan.Call{{Name: "umask", Args: []plan.Arg{plan.Mode(0o22)}}}})
	capabilities, missing := security.Obtainable(proc.Capabilities, a.have)
	a.warnings = append(a.warnings, missing...)
	warnings, err := security.Bounding(p, capabilities)
	if err != nil {
		return err
	}
	a.warnings = append(a.warnings, warnings...)
	if err := user.Credentials(p, proc.User, a.mapping, a.setgroups); err != nil {
		return err
	}
	security.Capabilities(p, capabilities)
	if proc.NoNewPrivileges {
		security.NoNewPrivileges(p)
	}
	if a.filter != nil && proc.NoNewPrivileges && a.filter.Listener != "" {
		a.install() // while somebody is there to take the listener
	}
	if a.waits && !a.early() {
		return lookUp(p, proc)
	}
	return nil
}

// early tells whether the filter has to come before the user changes.
func (a *attributes) early() bool { return a.filter != nil && !a.process.NoNewPrivileges }

func (a *attributes) install() {
	a.filter.Install(a.plan)
	if a.filter.Listener == "" {
		return
	}
	a.plan.Add(plan.Op{Actor: plan.Parent, What: "fetching the filter's listener", Step: "09-security", Why: "system calls that the filter leaves to somebody else are asked about there (seccomp_unotify(2))",
		Calls: []plan.Call{{Name: "pidfd_getfd", Args: []plan.Arg{plan.Ref("pidfd"), plan.Ref("listener"), plan.Int(0)}, Result: Listener}}})
}

// late appends the filter that nothing but execve is to be seen by, if it hasn't been installed.
func (a *attributes) late() {
	if a.filter != nil && a.process.NoNewPrivileges && a.filter.Listener == "" {
		a.filter.Install(a.plan)
	}
}

func (a *attributes) compile() (err error) {
	if a.filter == nil && a.linux.Seccomp != nil {
		a.filter, err = security.Compile(a.linux.Seccomp)
	}
	return err
}

// resources are what limits are for, by number (getrlimit(2)).
var resources = [...]string{
	unix.RLIMIT_CPU: "RLIMIT_CPU", unix.RLIMIT_FSIZE: "RLIMIT_FSIZE", unix.RLIMIT_DATA: "RLIMIT_DATA", unix.RLIMIT_STACK: "RLIMIT_STACK", unix.RLIMIT_CORE: "RLIMIT_CORE",
	unix.RLIMIT_RSS: "RLIMIT_RSS", unix.RLIMIT_NPROC: "RLIMIT_NPROC", unix.RLIMIT_NOFILE: "RLIMIT_NOFILE", unix.RLIMIT_MEMLOCK: "RLIMIT_MEMLOCK", unix.RLIMIT_AS: "RLIMIT_AS",
	unix.RLIMIT_LOCKS: "RLIMIT_LOCKS", unix.RLIMIT_SIGPENDING: "RLIMIT_SIGPENDING", unix.RLIMIT_MSGQUEUE: "RLIMIT_MSGQUEUE", unix.RLIMIT_NICE: "RLIMIT_NICE",
	unix.RLIMIT_RTPRIO: "RLIMIT_RTPRIO", unix.RLIMIT_RTTIME: "RLIMIT_RTTIME",
}

// rlimits are set by the child; in a user namespace, where raising a hard limit isn't possible, by the parent if it may.
func (a *attributes) rlimits() error {
	seen := map[string]bool{}
	for _, r := range a.process.Rlimits {
		number := slices.Index(resources[:], r.Type)
		switch {
		case number < 0:
			return fmt.Errorf("process.rlimits: there is no %s (getrlimit(2))", r.Type)
		case seen[r.Type]:
			return fmt.Errorf("process.rlimits names %s twice", r.Type)
		case r.Soft > r.Hard:
			return fmt.Errorf("process.rlimits: the soft limit of %s, %d, is above the hard one, %d", r.Type, r.Soft, r.Hard)
		}
		seen[r.Type] = true
		set := func(pid plan.Arg) plan.Call {
			return plan.Call{Name: "prlimit64", Args: []plan.Arg{pid, plan.Sym(r.Type, number),
				plan.Bytes(fmt.Sprintf("{%d, %d}", r.Soft, r.Hard), plan.Words(r.Soft, r.Hard)), plan.Null()}}
		}
		what, own := fmt.Sprintf("setting %s to %d (hard %d)", r.Type, r.Soft, r.Hard), set(plan.Int(0))
		if a.userns {
			fromOutside := set(plan.Ref("child"))
			fromOutside.Result, fromOutside.Allow = a.plan.Name("limited"), []unix.Errno{unix.EPERM}
			own.Unless = fromOutside.Result
			a.plan.Add(plan.Op{Actor: plan.Parent, What: what, Step: "04-cgroups", Why: "from outside the user namespace it may also be raised", Calls: []plan.Call{fromOutside}})
		}
		a.plan.Add(plan.Op{Actor: plan.Child, What: what, Step: "04-cgroups", Calls: []plan.Call{own}})
	}
	return nil
}

// Policies, their flags and the classes of disk use, each by number: that of a flag is its bit's.
var (
	policies = [...]specs.LinuxSchedulerPolicy{
		unix.SCHED_NORMAL: specs.SchedOther, unix.SCHED_FIFO: specs.SchedFIFO, unix.SCHED_RR: specs.SchedRR, unix.SCHED_BATCH: specs.SchedBatch,
		4: specs.SchedISO, unix.SCHED_IDLE: specs.SchedIdle, unix.SCHED_DEADLINE: specs.SchedDeadline,
	}
	schedulerFlags = [...]specs.LinuxSchedulerFlag{
		specs.SchedFlagResetOnFork, specs.SchedFlagReclaim, specs.SchedFlagDLOverrun, specs.SchedFlagKeepPolicy, specs.SchedFlagKeepParams,
		specs.SchedFlagUtilClampMin, specs.SchedFlagUtilClampMax,
	}
	ioClasses = [...]specs.IOPriorityClass{1: specs.IOPRIO_CLASS_RT, 2: specs.IOPRIO_CLASS_BE, 3: specs.IOPRIO_CLASS_IDLE}
)

// scheduling is how the processor and the disk are shared out: sched_setattr(2), ioprio_set(2).
func (a *attributes) scheduling() error {
	if s := a.process.Scheduler; s != nil {
		policy := slices.Index(policies[:], s.Policy)
		if policy < 0 {
			return fmt.Errorf("process.scheduler: there is no policy %q (sched(7))", s.Policy)
		}
		var flags uint64
		for _, f := range s.Flags {
			bit := slices.Index(schedulerFlags[:], f)
			if bit < 0 {
				return fmt.Errorf("process.scheduler: there is no flag %q (sched_setattr(2))", f)
			}
			flags |= 1 << bit
		}
		num := func(n uint64) plan.Arg { return plan.Int(int(n)) }
		attr := plan.Struct(string("{"+s.Policy+"}"), plan.U32(plan.Int(48)), plan.U32(plan.Int(policy)), plan.U64(num(flags)),
			plan.U32(plan.Int(int(s.Nice))), plan.U32(plan.Int(int(s.Priority))), plan.U64(num(s.Runtime)), plan.U64(num(s.Deadline)), plan.U64(num(s.Period)))
		a.plan.Add(plan.Op{Actor: plan.Child, What: "setting the scheduler to " + string(s.Policy), Why: "when it runs, and who waits meanwhile (sched(7))", Calls: []plan.Call{
			{Name: "sched_setattr", Args: []plan.Arg{plan.Int(0), attr, plan.Int(0)}}}})
	}
	if io := a.process.IOPriority; io != nil {
		class := slices.Index(ioClasses[:], io.Class)
		if class < 1 || io.Priority < 0 || io.Priority > 7 {
			return fmt.Errorf("process.ioPriority: %s %d: the class is IOPRIO_CLASS_RT, BE or IDLE, the priority from 0 to 7", io.Class, io.Priority)
		}
		a.plan.Add(plan.Op{Actor: plan.Child, What: fmt.Sprintf("setting the I/O priority to %s, %d", io.Class, io.Priority), Calls: []plan.Call{
			{Name: "ioprio_set", Args: []plan.Arg{plan.Sym("IOPRIO_WHO_PROCESS", 1), plan.Int(0), plan.Sym(fmt.Sprintf("IOPRIO_PRIO_VALUE(%d, %d)", class, io.Priority), class<<13|io.Priority)}}}})
	}
	return nil
}

// linux32 is PER_LINUX32 of personality(2).
const linux32 = 8

func (a *attributes) personality() error {
	l := a.linux.Personality
	if l == nil {
		return nil
	}
	if len(l.Flags) > 0 {
		return fmt.Errorf("linux.personality.flags: none is defined, but %q is given", l.Flags[0])
	}
	var domain int
	switch l.Domain {
	case specs.PerLinux:
	case specs.PerLinux32:
		domain = linux32
	default:
		return fmt.Errorf("linux.personality: %q is neither LINUX nor LINUX32", l.Domain)
	}
	a.plan.Add(plan.Op{Actor: plan.Child, What: "setting the personality to " + string(l.Domain), Why: "what uname(2) says of the machine", Calls: []plan.Call{
		{Name: "personality", Args: []plan.Arg{plan.Int(domain)}}}})
	return nil
}

// affinity appends the child's operation that binds it to processors, a list such as 0-3,7 (sched_setaffinity(2)).
func affinity(p *plan.Plan, field, list string) error {
	if list == "" {
		return nil
	}
	const processors = 1024
	mask := make([]byte, processors/8)
	for part := range strings.SplitSeq(list, ",") {
		first, final, ranged := strings.Cut(strings.TrimSpace(part), "-")
		if !ranged {
			final = first
		}
		from, err1 := strconv.ParseUint(first, 10, 32)
		to, err2 := strconv.ParseUint(final, 10, 32)
		if err1 != nil || err2 != nil || to < from || to >= processors {
			return fmt.Errorf("%s: %q is not a list of processors such as 0-3,7", field, list)
		}
		for i := from; i <= to; i++ {
			mask[i/8] |= 1 << (i % 8)
		}
	}
	p.Add(plan.Op{Actor: plan.Child, What: "binding it to processors " + list, Calls: []plan.Call{
		{Name: "sched_setaffinity", Args: []plan.Arg{plan.Int(0), plan.Int(len(mask)), plan.Bytes("{"+list+"}", mask)}}}})
	return nil
}

// defaultPath is where programs are looked for when the environment doesn't say.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func searchPath(env []string) string {
	for _, e := range env {
		if value, ok := strings.CutPrefix(e, "PATH="); ok {
			return value
		}
	}
	return defaultPath
}

// candidates are the files a program may be: a name without a slash is tried in each directory of the container's PATH, as execvp(3) does.
func candidates(proc *specs.Process) ([]string, error) {
	if len(proc.Args) == 0 || proc.Args[0] == "" {
		return nil, fmt.Errorf("there is no program to run: name one after the image")
	}
	if strings.Contains(proc.Args[0], "/") {
		return proc.Args[:1], nil
	}
	var list []string
	for dir := range strings.SplitSeq(searchPath(proc.Env), ":") {
		list = append(list, path.Join("/", dir, proc.Args[0]))
	}
	return list, nil
}

var notHere = []unix.Errno{unix.ENOENT, unix.ENOTDIR, unix.EACCES}

// lookUp appends the child's operation that fails if there is no program, which a container that waits would find out too late to tell.
func lookUp(p *plan.Plan, proc *specs.Process) error {
	list, err := candidates(proc)
	if err != nil {
		return err
	}
	found := p.Name("found")
	op := plan.Op{Actor: plan.Child, What: "looking for " + proc.Args[0], Step: "01-uts", Why: "who creates a container wants to hear of it now, not when it is started"}
	for _, name := range list {
		op.Calls = append(op.Calls, plan.Call{Name: "faccessat2", Result: found, Unless: found, Allow: notHere,
			Args: []plan.Arg{plan.AtCWD(), plan.Str(name), plan.Sym("X_OK", unix.X_OK), plan.Sym("AT_EACCESS", unix.AT_EACCESS)}})
	}
	op.Calls[len(op.Calls)-1].Allow = nil
	p.Add(op)
	return nil
}

// execve ends the list. file is what is executed; if that is empty, it is looked for.
func execve(p *plan.Plan, proc *specs.Process, file string) error {
	list, err := candidates(proc)
	if err != nil {
		return err
	}
	if file != "" {
		list = []string{file}
	}
	op := plan.Op{Actor: plan.Child, What: "executing " + proc.Args[0], Step: "01-uts", Why: "the child becomes the program; nothing of the runtime is left in it"}
	for _, name := range list {
		op.Calls = append(op.Calls, plan.Call{Name: "execve", Allow: notHere, Args: []plan.Arg{plan.Str(name), plan.Strs(proc.Args), plan.Strs(proc.Env)}})
	}
	op.Calls[len(op.Calls)-1].Allow = nil
	p.Add(op)
	return nil
}
