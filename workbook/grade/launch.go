package grade

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"stave/final/plan"
)

// worldPath is where the world's commands look for programs.
const worldPath = programsDir + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// mostOutput is how much of what a command prints is passed on, in bytes. The checker keeps it in memory.
const mostOutput = 4 << 20

// limits of each process in the world. A cgroup limits all of them together, where there can be one.
var limits = []struct {
	name       string
	resource   int
	soft, hard uint64
}{
	{"RLIMIT_NPROC", unix.RLIMIT_NPROC, 1000, 1000},           // of the world's user; threads count
	{"RLIMIT_FSIZE", unix.RLIMIT_FSIZE, 256 << 20, 256 << 20}, // bytes
	{"RLIMIT_NOFILE", unix.RLIMIT_NOFILE, 1024, 4096},
	{"RLIMIT_CPU", unix.RLIMIT_CPU, 60, 65}, // seconds
	{"RLIMIT_CORE", unix.RLIMIT_CORE, 0, 0},
	{"RLIMIT_DATA", unix.RLIMIT_DATA, 1 << 30, 1 << 30}, // bytes
}

// launch runs a command in the world and returns its exit code. The checker finds it under the name of each program there is.
func launch(args []string) (int, error) {
	text, err := os.ReadFile(worldFile)
	if err != nil {
		return 0, err
	}
	var w world
	if err := json.Unmarshal(text, &w); err != nil {
		return 0, err
	}
	environment := append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PATH=") }), "PATH="+worldPath)
	os.Setenv("PATH", worldPath)
	args[0] = filepath.Base(args[0]) // the checker has found us by our path in its own directory of links
	path, err := exec.LookPath(args[0])
	if err != nil {
		return 127, err
	}
	inputs, err := w.namespaces()
	if err != nil {
		return 0, err
	}
	relay, err := newRelay(inputs)
	if err != nil {
		return 0, err
	}
	p, err := w.command(path, args, environment)
	if err != nil {
		return 0, err
	}
	runtime.LockOSThread() // for good: this thread's children are born in another pid namespace
	process, err := p.Run(plan.Options{Inputs: inputs})
	if err != nil {
		return 0, err
	}
	kill := func() { _ = unix.PidfdSendSignal(process.PidFD, unix.SIGKILL, nil, 0) }
	pass := make(chan os.Signal, 8)
	signal.Notify(pass, unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2)
	go func() {
		for s := range pass {
			_ = unix.PidfdSendSignal(process.PidFD, s.(unix.Signal), nil, 0)
		}
	}()
	wait := relay.start(kill)
	code, err := process.Wait()
	wait()
	return code, err
}

// namespaces opens the world's, under the names that command has for them.
func (w *world) namespaces() (map[string]int, error) {
	inputs := map[string]int{}
	for _, n := range joined {
		fd, err := unix.Open(fmt.Sprintf("/proc/%d/ns/%s", w.Pid, n.name), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("finding the world that commands run in: %w", err)
		}
		inputs[n.name] = fd
	}
	return inputs, nil
}

// joined are the world's namespaces in the order of joining: the user namespace first, for what may be done in the others.
var joined = []struct {
	name string
	flag int
	text string
}{
	{"pid", unix.CLONE_NEWPID, "CLONE_NEWPID"},
	{"user", unix.CLONE_NEWUSER, "CLONE_NEWUSER"},
	{"mnt", unix.CLONE_NEWNS, "CLONE_NEWNS"},
	{"uts", unix.CLONE_NEWUTS, "CLONE_NEWUTS"},
	{"ipc", unix.CLONE_NEWIPC, "CLONE_NEWIPC"},
	{"cgroup", unix.CLONE_NEWCGROUP, "CLONE_NEWCGROUP"},
}

// command is the list of what takes a command into the world. Its privileges there end with execve(2), because its user isn't
// root (capabilities(7)).
func (w *world) command(path string, args, environment []string) (*plan.Plan, error) {
	p := &plan.Plan{}
	for i, n := range joined {
		call := plan.Call{Name: "setns", Args: []plan.Arg{plan.Ref(n.name), plan.Sym(n.text, n.flag)}}
		if i == 0 {
			p.Add(plan.Op{Actor: plan.Parent, What: "choosing the pid namespace of children", Calls: []plan.Call{call}})
			p.Clone(0, "", "a process in the world's pid namespace", "")
			for _, procs := range w.Procs {
				join(p, procs)
			}
			child(p, "closing inherited descriptors at execve", closeRange())
			continue
		}
		child(p, "joining the "+n.name+" namespace", call)
	}
	child(p, "taking the mounts to itself", plan.Call{Name: "unshare", Args: []plan.Arg{plan.Sym("CLONE_NEWNS", unix.CLONE_NEWNS)}})
	if work := os.Getenv("WORK"); work != "" {
		bind(p, plan.Child, work, work) // so that nobody in there renames it
		if _, err := cover(p, plan.Child, work); err != nil {
			return nil, err
		}
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	child(p, "going to "+dir, plan.Call{Name: "chdir", Args: []plan.Arg{plan.Str(dir)}})
	session := []plan.Call{{Name: "setsid"}} // kill(0, …) must not meet the checker
	for fd, name := range outputs {
		session = append(session, plan.Call{Name: "dup3", Args: []plan.Arg{plan.Ref(name), plan.Int(fd + 1), plan.Int(0)}})
	}
	child(p, "starting a session", session...)
	for _, l := range limits {
		child(p, "setting "+l.name, plan.Call{Name: "prlimit64", Args: []plan.Arg{plan.Int(0), plan.Sym(l.name, l.resource),
			plan.Bytes(fmt.Sprintf("{%d, %d}", l.soft, l.hard), plan.Words(l.soft, l.hard)), plan.Null()}})
	}
	child(p, "asking to be killed when the launcher dies", dieWithParent())
	child(p, "running "+path, execve(path, args, environment))
	return p, nil
}

// A relay passes on what a command prints, up to a limit, and not beyond the command's end, whoever else has the pipe.
type relay struct {
	from, to [2]*os.File // standard output and standard error
	theirs   [2]*os.File
}

var outputs = [2]string{"stdout", "stderr"}

func newRelay(inputs map[string]int) (*relay, error) {
	r := &relay{to: [2]*os.File{os.Stdout, os.Stderr}}
	for i, name := range outputs {
		var err error
		if r.from[i], r.theirs[i], err = os.Pipe(); err != nil {
			return nil, err
		}
		inputs[name] = int(r.theirs[i].Fd())
	}
	return r, nil
}

// start begins to pass on. wait is to be called when the command has ended.
func (r *relay) start(tooMuch func()) (wait func()) {
	var done [2]chan error
	for i := range r.from {
		r.theirs[i].Close()
		done[i] = make(chan error, 1)
		go func() {
			n, err := io.Copy(r.to[i], io.LimitReader(r.from[i], mostOutput))
			if n == mostOutput {
				tooMuch()
				fmt.Fprintf(os.Stderr, "\nmore than %d MiB printed: killed\n", mostOutput>>20)
			}
			done[i] <- err
		}()
	}
	return func() {
		for i := range r.from {
			if err := finish(r.from[i], done[i]); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				fmt.Fprintln(os.Stderr, err)
			}
		}
	}
}

// finish waits until what the command has written before its end is passed on, and no longer.
func finish(pipe *os.File, done <-chan error) error {
	const aMoment = time.Millisecond
	for {
		select {
		case err := <-done:
			return err
		case <-time.After(aMoment):
			if unread(pipe) == 0 {
				_ = pipe.SetReadDeadline(time.Now()) // it is a pipe, which can
				return <-done
			}
		}
	}
}

// unread is how many bytes are in a pipe that nobody has read; ioctl(2), FIONREAD.
func unread(pipe *os.File) (n int) {
	c, err := pipe.SyscallConn()
	if err != nil {
		return 0
	}
	_ = c.Control(func(fd uintptr) {
		if n, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ); err != nil { // the same number
			n = 0
		}
	})
	return n
}
