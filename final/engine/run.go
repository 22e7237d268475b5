package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/cgroup"
	"stave/final/overlay"
	"stave/final/plan"
	"stave/final/runtime"
)

// A Monitor looks after a container while it runs.
type Monitor struct {
	// Ready returns once signals that are meant for the program are kept for it, which may be before there is one.
	Ready func()
	// Started is called once the program runs, with a pidfd of its first process and the terminal's master, which is nil without a terminal. It
	// returns what to call when the container has ended.
	Started func(pidfd int, terminal *os.File) (ended func())
	// Size is the terminal's size in rows and columns.
	Size func() (rows, columns uint)
	// Warn is called with each thing that was asked for and means nothing here. It may be nil.
	Warn func(string)
	// Planned is called with the plan and how it went, whether it went well or not. If nil, nothing is timed.
	Planned func(*plan.Plan, []plan.Timing)
}

// A Result is how a container ended.
type Result struct {
	Name string
	Code int // the program's, or 128+n if signal n ended it
	// OOMKills is how many of its processes the kernel killed for want of memory.
	OOMKills int
}

// A source is what a container is made from.
type source struct {
	name   string
	digest digest.Digest // of the image's manifest
	layers []string
	config v1.ImageConfig
}

// Run makes a container, waits for its end and removes it. An error means that the program never ran; if it is a [plan.Error] of execve, the program
// itself is why.
func (e *Engine) Run(ctx context.Context, o Options, m Monitor) (Result, error) {
	src, release, err := e.source(ctx, o)
	if err != nil {
		return Result{}, err
	}
	c, err := e.create(Record{Name: o.Name, Image: src.name, Digest: src.digest, Layers: src.layers, Created: time.Now().UTC()})
	release()
	if err != nil {
		return Result{}, err
	}
	result, err := e.run(ctx, c, o, src.config, m)
	result.Name = c.Name
	return result, errors.Join(err, e.remove(c))
}

// source finds the image's layers and configuration, or takes a directory for the only layer. Nothing of the image is removed until release is called.
func (e *Engine) source(ctx context.Context, o Options) (source, func(), error) {
	if o.Rootfs == "" {
		return e.image(ctx, o.Image)
	}
	dir, err := filepath.Abs(o.Rootfs)
	if err != nil {
		return source{}, nil, err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return source{}, nil, fmt.Errorf("finding the root filesystem: %w: make one with \"go run ./toolbox %s\"", err, o.Rootfs)
	}
	if !info.IsDir() {
		return source{}, nil, fmt.Errorf("the root filesystem %s is not a directory", dir)
	}
	return source{name: dir, layers: []string{dir}}, func() {}, nil
}

func (e *Engine) run(ctx context.Context, c *container, o Options, config v1.ImageConfig, m Monitor) (Result, error) {
	hostname, err := e.hostname(c, o)
	if err != nil {
		return Result{}, err
	}
	s, err := e.spec(c, o, hostname, config)
	if err != nil {
		return Result{}, err
	}
	if o.TTY && m.Size != nil {
		rows, columns := m.Size()
		s.Process.ConsoleSize = &specs.Box{Height: rows, Width: columns}
	}
	if err := e.writeFiles(c, o, hostname); err != nil {
		return Result{}, err
	}
	if err := c.makePlaces(e.places()); err != nil {
		return Result{}, fmt.Errorf("making places for the container's files of /etc: %w", err)
	}
	rc := &runtime.Container{
		ID: "stave-" + c.ID, Spec: s, DieWithParent: true,
		// The root is mounted over the container's own layer, which inside nobody needs to see by itself: each directory takes time to remove.
		Overlay: &overlay.Mount{Lower: c.Layers, Bottom: e.places(), Upper: c.path("upper"), Work: c.path("work"), Target: c.path("upper"), User: e.mapping != nil,
			Volatile: true}, // the container is removed at its end, or by the next command after the machine failed
	}
	if !o.TTY && !o.Interactive {
		rc.Stdio[0] = runtime.Null
	}
	if rc.Filter, err = compileCached(filepath.Join(e.root, "filters"), s.Linux.Seccomp); err != nil {
		return Result{}, err
	}
	p, err := rc.Plan(e.host)
	if err != nil {
		return Result{}, err
	}
	if err := p.Cgroup.Vacant(); err != nil { // on record, it would be cleared
		return Result{}, err
	}
	for _, w := range p.Warnings {
		if m.Warn != nil {
			m.Warn(w)
		}
	}
	c.Cgroups = p.Cgroup.Dirs()
	if err := c.save(); err != nil {
		return Result{}, err
	}
	result, err := e.carryOut(ctx, c, p, m)
	if errors.Is(err, plan.ErrDied) && cgroup.OOMKills(c.Cgroups) > 0 {
		err = fmt.Errorf("%w: it ran out of memory: raise the limit (--memory)", err)
	}
	return result, err
}

// carryOut runs the plan and waits for the program.
func (e *Engine) carryOut(ctx context.Context, c *container, p *runtime.Planned, m Monitor) (Result, error) {
	goruntime.LockOSThread() // the child is to die with this thread (PR_SET_PDEATHSIG)
	defer goruntime.UnlockOSThread()
	o := plan.Options{}
	var timings []plan.Timing
	if m.Planned != nil {
		o.Timed = func(t plan.Timing) { timings = append(timings, t) }
	}
	proc, err := p.Run(o)
	if m.Planned != nil {
		m.Planned(p.Plan, timings)
	}
	if err != nil {
		return Result{}, err
	}
	defer unix.Close(proc.PidFD)
	if m.Ready != nil {
		m.Ready()
	}
	off := ctx.Err() != nil // it was called off while it was being made; from here on signals are the program's
	c.Pid, c.Start = proc.Pid, runtime.Started(proc.Pid)
	saved := c.save()
	terminal := runtime.OpenTerminal(proc)
	defer terminal.Close()
	ended := func() {}
	if m.Started != nil {
		ended = m.Started(proc.PidFD, terminal)
	}
	if off {
		_ = unix.PidfdSendSignal(proc.PidFD, unix.SIGKILL, nil, 0)
	}
	code, err := proc.Wait()
	c.Pid = 0
	ended()
	return Result{Code: code, OOMKills: cgroup.OOMKills(c.Cgroups)}, errors.Join(err, saved)
}

// remove takes a container that has ended off the host.
func (e *Engine) remove(c *container) error {
	if err := cgroup.Remove(c.Cgroups); err != nil {
		return err // the record stays, and the next command tries again
	}
	unlock, err := e.lockAll()
	if err != nil {
		return err
	}
	defer unlock()
	defer c.lock.Close()
	return e.removeDir(c.dir)
}
