package runtime

import (
	"fmt"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/namespace"
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
// come here. pidfd is the container's process for hooks that run inside, else -1.
func (i *Instance) runHooks(kind string, hooks []specs.Hook, status specs.ContainerState, pid, pidfd int) error {
	for n, h := range hooks {
		if err := i.runHook(h, status, pid, pidfd); err != nil {
			return fmt.Errorf("running %s hook %d (%s): %w", kind, n, h.Path, err)
		}
	}
	return nil
}

func (i *Instance) runHook(h specs.Hook, status specs.ContainerState, pid, pidfd int) error {
	program, argv := hookProgram(h)
	if pidfd >= 0 {
		var err error
		if program.Inside, err = namespace.Differ(i.Pid); err != nil {
			return err
		}
		if program.Inside&unix.CLONE_NEWNS == 0 {
			program.Root = i.Pid
		}
	}
	prefix, suffix := i.hookState(string(status))
	said, err := program.Run(argv, fmt.Sprint(prefix, pid, suffix), pidfd)
	if err != nil && said != "" {
		return fmt.Errorf("%w: %s", err, said)
	}
	return err
}

// poststop runs those hooks one and all; one that fails is a warning (runtime.md, "Lifecycle").
func (i *Instance) poststop(warn func(error)) {
	h, err := i.laterHooks()
	if err != nil && warn != nil {
		warn(err)
	}
	for n := range h.Poststop {
		if err := i.runHooks("poststop", h.Poststop[n:n+1], specs.StateStopped, 0, -1); err != nil && warn != nil {
			warn(err)
		}
	}
}
