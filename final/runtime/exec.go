package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/cgroup"
	"stave/final/plan"
)

// ExecOptions are one more process for a container that runs.
type ExecOptions struct {
	Process *specs.Process
	// PidFile, ConsoleSocket, PidfdSocket, PreserveFDs, Warn and Planned are as in Options.
	PidFile, ConsoleSocket, PidfdSocket string
	PreserveFDs                         int
	Warn                                func(error)
	Planned                             func(*plan.Plan, []plan.Timing)
	// IgnorePaused allows it in a container that is paused, where it won't get far before that is resumed.
	IgnorePaused bool
	// Cgroups are cgroups below the container's own that it joins: one path, or controller[,controller]:path.
	Cgroups []string
}

// Running reads a container in which something can be done: one that is created, running or paused.
func (r Root) Running(id string) (*Instance, error) {
	i, err := r.Load(id)
	if err != nil {
		return nil, err
	}
	s := i.Now()
	if s.Status == specs.StateStopped || s.Status == specs.StateCreating {
		return nil, fmt.Errorf("container %s is %s: %w", id, s.Status, ErrNotRunning)
	}
	i.paused = s.Status == Paused
	return i, nil
}

// Exec runs a process in a container and waits for its end; a nil f leaves it to itself. It takes no lock: a hook may do it.
func (i *Instance) Exec(o ExecOptions, f *Foreground) (int, error) {
	if i.paused && !o.IgnorePaused {
		return 0, errors.New("cannot exec in a paused container (use --ignore-paused to override)")
	}
	if f != nil && o.Process.Terminal && !standsAtTerminal() {
		return 0, errNoTerminal
	}
	if f == nil && o.Process.Terminal != (o.ConsoleSocket != "") || f != nil && o.ConsoleSocket != "" {
		return 0, errors.New("a terminal for a process that is left to itself (--detach) goes with --console-socket, and neither without the other")
	}
	if err := preserved(0, o.PreserveFDs); err != nil {
		return 0, err
	}
	if f != nil {
		f.Ready()
	}
	proc, err := i.exec(o)
	if err != nil {
		return 0, err
	}
	if f == nil {
		return 0, unix.Close(proc.PidFD)
	}
	return f.wait(proc)
}

// exec plans the process and carries that out.
func (i *Instance) exec(o ExecOptions) (*plan.Process, error) {
	target, err := i.open()
	if err != nil {
		return nil, err
	}
	defer unix.Close(target)
	spec, err := i.Spec()
	if err != nil {
		return nil, err
	}
	group, err := i.below(o.Cgroups)
	if err != nil {
		return nil, err
	}
	if err := writable(o.PidFile); err != nil {
		return nil, err
	}
	sockets, err := connect(o.ConsoleSocket, o.PidfdSocket)
	if err != nil {
		return nil, err
	}
	defer sockets.close()
	j := &Joining{Spec: spec, Process: o.Process, Filter: i.filter, Pid: i.Pid, Cgroup: group, PreserveFDs: o.PreserveFDs}
	proc, err := join(j, target, &sockets, o)
	// A process has no namespaces while another of its threads executes a program; see threadsLeft.
	for end := time.Now().Add(time.Second); errors.Is(err, unix.ESRCH) && time.Now().Before(end); proc, err = join(j, target, &sockets, o) {
		if _, alive := i.process(); !alive {
			return nil, ErrNotRunning
		}
		time.Sleep(time.Millisecond) // no event tells
	}
	if err != nil {
		return nil, err
	}
	if err := errors.Join(sockets.send(proc), i.sendListener(sockets.agent, proc, spec), writePid(o.PidFile, proc.Pid)); err != nil {
		kill(proc)
		return nil, err
	}
	return proc, nil
}

// join carries the plan out once. ESRCH says that the container's process has no namespaces now.
func join(j *Joining, target int, sockets *sockets, o ExecOptions) (*plan.Process, error) {
	planned, err := j.Plan()
	if errors.Is(err, fs.ErrNotExist) { // its links in proc are missing then
		return nil, fmt.Errorf("%w: %w", unix.ESRCH, err)
	}
	if err != nil {
		return nil, err
	}
	for _, warning := range planned.Warnings {
		o.Warn(errors.New(warning))
	}
	sockets.addAgent(planned.Plan, j.Spec)
	return carryOut(planned, map[string]int{"target": target}, o.Planned)
}

// below is the container's cgroup, with the parts of it replaced that were named.
func (i *Instance) below(names []string) (cgroup.Group, error) {
	if len(names) == 0 {
		return i.cgroup(), nil
	}
	layout, err := cgroup.Detect()
	if err != nil {
		return cgroup.Group{}, err
	}
	dirs := append([]string{}, i.Cgroups...)
	for _, name := range names {
		controllers, path, named := strings.Cut(name, ":")
		if !named {
			controllers, path = "", name
		}
		if !filepath.IsLocal(strings.TrimPrefix(path, "/")) && path != "/" {
			return cgroup.Group{}, fmt.Errorf("--cgroup %s: the path leads out of the container's cgroup", name)
		}
		found := false
		for n, dir := range i.Cgroups {
			if !named || inHierarchy(layout, dir, strings.Split(controllers, ",")) {
				dirs[n], found = filepath.Join(dir, path), true
			}
		}
		if !found {
			return cgroup.Group{}, fmt.Errorf("--cgroup %s: the container has no cgroup of that controller", name)
		}
	}
	return cgroup.Open(dirs), nil
}

// inHierarchy tells whether a cgroup's directory belongs to one of the controllers.
func inHierarchy(l cgroup.Layout, dir string, controllers []string) bool {
	for _, c := range controllers {
		if h, ok := l.With(c); ok && strings.HasPrefix(dir, h.Mount+"/") {
			return true
		}
	}
	return false
}
