package grade

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/cgroup"
	"stave/final/plan"
	"stave/workbook/exercise"
)

// Limits of a compilation. It runs nothing of the student's, but source can be written to keep a compiler busy, or to
// fill a disk.
const (
	buildPatience = 3 * time.Minute
	buildMemory   = 3 << 30   // bytes, of all its processes where there can be a cgroup, of each otherwise
	buildFile     = 256 << 20 // bytes, of any file it writes
)

// build compiles a program to output. An *exercise.CompileError is about its source.
func (s *sandbox) build(ctx context.Context, root, step string, files exercise.Files, output string) error {
	module, err := os.MkdirTemp("", "stave-build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(module)
	cmd, err := exercise.Prepare(ctx, module, root, step, files, output)
	if err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(module, temporary), 0o700); err != nil {
		return err
	}
	return s.limited(ctx, cmd)
}

// temporary is where the go command has its own files, in the module: it goes with that, however the command ends.
const temporary = ".tmp"

// environment of the go command: where its caches are is the grader's affair, and everything else that could change
// what is built isn't.
func environment(cmd *exec.Cmd) []string {
	env := slices.DeleteFunc(cmd.Env, func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return strings.HasPrefix(name, "GO") && !slices.Contains([]string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOROOT"}, name) || strings.HasPrefix(name, "CGO_")
	})
	return append(env, "CGO_ENABLED=0", "GOOS=linux", "GOWORK=off", "GOFLAGS=", "GOTOOLCHAIN=local", "PWD="+cmd.Dir, "TMPDIR="+filepath.Join(cmd.Dir, temporary))
}

// limited runs a program of ours in a process of its own, as a plan that has limits and no namespaces.
func (s *sandbox) limited(ctx context.Context, cmd *exec.Cmd) error {
	words, said, err := os.Pipe()
	if err != nil {
		return err
	}
	defer words.Close()
	defer said.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	p, cgroups, err := s.limitedPlan(cmd)
	if err != nil {
		return err
	}
	goruntime.LockOSThread() // the child dies with this thread
	defer goruntime.UnlockOSThread()
	process, err := p.Run(plan.Options{Inputs: map[string]int{"null": int(null.Fd()), "said": int(said.Fd())}})
	if err != nil {
		return errors.Join(err, removeCgroups(cgroups))
	}
	defer unix.Close(process.PidFD)
	said.Close()
	timed, cancel := context.WithTimeout(ctx, buildPatience)
	defer cancel()
	defer context.AfterFunc(timed, func() { _ = unix.Kill(-process.Pid, unix.SIGKILL) })() // its process group: it began a session
	const enough = 64 << 10
	text, _ := io.ReadAll(io.LimitReader(words, enough))
	_, _ = io.Copy(io.Discard, words)
	code, err := process.Wait()
	killed := cgroup.OOMKills(cgroups) > 0
	err = errors.Join(err, removeCgroups(cgroups))
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil || code == 0:
		return err
	case timed.Err() != nil:
		return &exercise.CompileError{Text: fmt.Sprintf("the compiler was not done after %v", buildPatience)}
	case killed:
		return &exercise.CompileError{Text: fmt.Sprintf("the compiler wanted more than %d GiB of memory", buildMemory>>30)}
	}
	return exercise.Uncompiled(string(text))
}

func (s *sandbox) limitedPlan(cmd *exec.Cmd) (*plan.Plan, []string, error) {
	s.runs++
	var r *specs.LinuxResources
	if s.limits != nil && s.limits.Memory != nil {
		most := int64(buildMemory)
		r = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &most, Swap: &most}}
	}
	group, err := cgroup.New(s.host.Cgroups, cgroup.Where{Name: fmt.Sprintf("%s%d-%d", cgroupPrefix, os.Getpid(), s.runs), Privileged: s.host.Privileged}, r)
	if err != nil {
		return nil, nil, err
	}
	p := &plan.Plan{}
	group.Create(p)
	p.Clone(0, "", "a process that compiles", "")
	group.Join(p)
	child(p, "closing inherited descriptors at execve", closeRange())
	child(p, "asking to be killed when the grader dies", dieWithParent())
	child(p, "going to "+cmd.Dir, plan.Call{Name: "chdir", Args: []plan.Arg{plan.Str(cmd.Dir)}})
	session := []plan.Call{{Name: "setsid"}}
	for fd, name := range []string{"null", "said", "said"} {
		session = append(session, plan.Call{Name: "dup3", Args: []plan.Arg{plan.Ref(name), plan.Int(fd), plan.Int(0)}})
	}
	child(p, "starting a session", session...)
	limit(p, "RLIMIT_FSIZE", unix.RLIMIT_FSIZE, buildFile)
	limit(p, "RLIMIT_DATA", unix.RLIMIT_DATA, buildMemory)
	limit(p, "RLIMIT_CORE", unix.RLIMIT_CORE, 0)
	child(p, "running "+filepath.Base(cmd.Path), execve(cmd.Path, cmd.Args, environment(cmd)))
	return p, group.Dirs(), nil
}

// limit sets a limit of the child's, soft and hard.
func limit(p *plan.Plan, name string, resource int, value uint64) {
	child(p, "setting "+name, plan.Call{Name: "prlimit64", Args: []plan.Arg{plan.Int(0), plan.Sym(name, resource),
		plan.Bytes(fmt.Sprintf("{%d, %d}", value, value), plan.Words(value, value)), plan.Null()}})
}
