package runtime

import (
	"fmt"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"stave/final/plan"
)

// hookCalls are the hooks of one kind that are run before the container is started, as calls of the plan. inside is the namespaces they run in; 0 is the host's.
func (c *Container) hookCalls(hooks []specs.Hook, inside int) []plan.Call {
	var calls []plan.Call
	for _, h := range hooks {
		program, argv := hookProgram(h)
		program.Inside = inside
		// The environment is there, which is what "created" means (runtime.md, "State"); what create has still to do is these hooks.
		prefix, suffix := c.StateJSON(string(specs.StateCreated))
		program.Stdin = plan.Concat(plan.Str(prefix), plan.Ref("child"), plan.Str(suffix))
		call := plan.Call{Name: plan.RunProgram, Program: program}
		for _, a := range argv {
			call.Args = append(call.Args, plan.Str(a))
		}
		calls = append(calls, call)
	}
	return calls
}

// hookProgram is how a hook is run: with its own environment and no more, and its own arguments, of which the first is its name.
func hookProgram(h specs.Hook) (*plan.Program, []string) {
	program := &plan.Program{Path: h.Path, Env: h.Env}
	if program.Env == nil {
		program.Env = []string{}
	}
	if h.Timeout != nil {
		program.Timeout = time.Duration(*h.Timeout) * time.Second
	}
	argv := h.Args
	if len(argv) == 0 {
		argv = []string{h.Path}
	}
	return program, argv
}

// runHooks runs the hooks of one kind in their order and stops at the first that fails. Those before start are operations of the plan; the others
// come here.
func (i *Instance) runHooks(kind string, hooks []specs.Hook, run func(specs.Hook) (said string, err error)) error {
	for n, h := range hooks {
		if said, err := run(h); err != nil {
			if said != "" {
				err = fmt.Errorf("%w: %s", err, said)
			}
			return fmt.Errorf("running %s hook %d (%s): %w", kind, n, h.Path, err)
		}
	}
	return nil
}

// outside runs a hook on the host.
func (i *Instance) outside(status specs.ContainerState, pid int) func(specs.Hook) (string, error) {
	return func(h specs.Hook) (string, error) {
		program, argv := hookProgram(h)
		prefix, suffix := i.hookState(string(status))
		return program.Run(argv, fmt.Sprint(prefix, pid, suffix), -1)
	}
}

// inside runs a hook as one more process of the container: its program is the image's, so it is allowed no more than the container's program will be.
func (i *Instance) inside(status specs.ContainerState, target int) func(specs.Hook) (string, error) {
	return func(h specs.Hook) (string, error) {
		spec, err := i.Spec()
		if err != nil {
			return "", err
		}
		program, argv := hookProgram(h)
		process := *spec.Process
		process.Args, process.Env, process.Terminal, process.ConsoleSize, process.ExecCPUAffinity = argv, program.Env, false, nil, nil
		j := &Joining{Spec: spec, Process: &process, File: h.Path, Filter: i.filter, Pid: i.Pid, Cgroup: i.cgroup(), Stdio: [3]string{"in", "out", "out"}}
		planned, err := j.Plan()
		if err != nil {
			return "", err
		}
		sockets, err := connect("", "")
		if err != nil {
			return "", err
		}
		defer sockets.close()
		sockets.addAgent(planned.Plan, spec)
		prefix, suffix := i.hookState(string(status))
		return planned.Plan.Converse(target, fmt.Sprint(prefix, innermostPid(i.Pid), suffix), program.Timeout,
			func(proc *plan.Process) error { return i.sendListener(sockets.agent, proc, spec) })
	}
}

// poststop runs those hooks one and all; one that fails is a warning (runtime.md, "Lifecycle").
func (i *Instance) poststop(warn func(error)) {
	h, err := i.laterHooks()
	if err != nil && warn != nil {
		warn(err)
	}
	for n := range h.Poststop {
		if err := i.runHooks("poststop", h.Poststop[n:n+1], i.outside(specs.StateStopped, 0)); err != nil && warn != nil {
			warn(err)
		}
	}
}
