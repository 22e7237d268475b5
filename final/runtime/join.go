package runtime

import (
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/cgroup"
	"stave/final/mount"
	"stave/final/namespace"
	"stave/final/plan"
	"stave/final/security"
	"stave/final/user"
)

// A Joining is one more process for a container that runs.
type Joining struct {
	// Spec is the container's configuration.
	Spec    *specs.Spec
	Process *specs.Process
	// File is what is executed, a hook, which has no environment but its own. If it is empty, Process.Args[0] is looked for in the container's PATH.
	File string
	// Stdio is as in [Container].
	Stdio [3]string
	// Pid is the container's first process. The plan takes a pidfd for it as the input "target".
	Pid int
	// Filter is Spec's seccomp filter, if it has been compiled before.
	Filter *security.Filter
	// Cgroup is what the process joins.
	Cgroup cgroup.Group
	// PreserveFDs is as in [Container].
	PreserveFDs int
}

// Plan makes the list of operations that bring a child into the container and make it the program.
func (j *Joining) Plan() (*Planned, error) {
	flags, err := namespace.Differ(j.Pid)
	if err != nil {
		return nil, err
	}
	var p plan.Plan
	userns := flags&unix.CLONE_NEWUSER != 0
	if p.Into, err = j.Cgroup.Into(&p, j.Pid); err != nil {
		return nil, err
	}
	p.Clone(0, "", "the process to be; what it is outside the container it is only for the next few calls", "02-pid")
	if err := j.Cgroup.Add(&p, j.Pid, p.Into != ""); err != nil {
		return nil, err
	}
	process := j.Process
	if j.File == "" {
		process = withEnvironment(process, fmt.Sprintf("/proc/%d/root", j.Pid))
	}
	b := &builder{Container: &Container{Spec: &specs.Spec{Process: process}, Stdio: j.Stdio}, userns: userns,
		host: Host{Privileged: Privileged(), Capabilities: permitted(), Streams: streams()}}
	b.plan = p
	if err := j.enter(b, flags); err != nil {
		return nil, err
	}
	if a := process.ExecCPUAffinity; a != nil {
		if err := affinity(&b.plan, "process.execCPUAffinity.final", a.Final); err != nil {
			return nil, err
		}
	}
	b.session()
	b.null()
	b.pipes()
	if j.Process.Terminal {
		b.terminal("")
	}
	if err := mount.EnterDir(&b.plan, j.Process.Cwd); err != nil {
		return nil, err
	}
	a := &attributes{plan: &b.plan, process: process, linux: j.Spec.Linux, filter: j.Filter, userns: userns, have: b.host.Grantable(b.userns), setgroups: userns || user.MaySetGroups()}
	if userns && len(j.Spec.Linux.UIDMappings) > 0 {
		a.mapping = &user.Mapping{UIDs: j.Spec.Linux.UIDMappings, GIDs: j.Spec.Linux.GIDMappings}
	}
	if err := a.add(); err != nil {
		return nil, err
	}
	a.late()
	if err := execve(&b.plan, process, j.File); err != nil {
		return nil, err
	}
	return &Planned{Plan: &b.plan, Warnings: a.warnings}, nil
}

// enter is from the host into the namespaces. The processor affinity is set before it, and then again after it, as process.execCPUAffinity has it.
func (j *Joining) enter(b *builder, flags int) error {
	p := &b.plan
	b.oomScore()
	closeInherited(p, j.PreserveFDs)
	if a := j.Process.ExecCPUAffinity; a != nil {
		if err := affinity(p, "process.execCPUAffinity.initial", a.Initial); err != nil {
			return err
		}
	}
	namespace.Join(p, "target", j.Pid, flags)
	if flags&unix.CLONE_NEWUSER != 0 {
		user.Become(p)
	}
	if err := b.guard(); err != nil {
		return err
	}
	if b.host.Privileged {
		security.Hide(p)
	}
	if flags&unix.CLONE_NEWPID != 0 {
		p.Refork(false, "only children that come later are in the pid namespace that was joined (setns(2))", "02-pid")
	}
	return nil
}
