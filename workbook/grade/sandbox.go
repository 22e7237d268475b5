package grade

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/cgroup"
	"stave/final/plan"
	"stave/final/runtime"
	"stave/workbook/exercise"
)

// unprivileged is who checks run as on the machine if root grades. The number is in a part of the range that nobody is given:
// systemd's "Users, Groups, UIDs and GIDs on systemd systems" has it as unused.
const unprivileged = 0x70000000

// cgroupPrefix begins the names of our cgroups. After it come our pid and a number.
const cgroupPrefix = "stave-grade-"

// A sandbox runs checks, one after the other, each in a container of its own.
type sandbox struct {
	dir      string // what is made on this machine
	uid, gid int    // who checks run as out here
	host     runtime.Host
	limits   *specs.LinuxResources // nil where there can be none
	runs     int
	umask    int // the caller's
}

// Errors of a check that has come to no verdict.
var (
	errTimedOut = errors.New("it was not done in time")
	errCollapse = errors.New("the check was brought down before it was done")
)

// openSandbox prepares what all checks have in common.
func openSandbox(ctx context.Context) (s *sandbox, err error) {
	s = &sandbox{uid: os.Geteuid(), gid: os.Getegid()}
	if s.host, err = runtime.Look(); err != nil {
		return nil, err
	}
	if err := sweep(s.host.Cgroups); err != nil {
		return nil, err
	}
	if s.host.Privileged {
		s.uid, s.gid = unprivileged, unprivileged
	}
	if s.dir, err = s.makeDir(); err != nil {
		return nil, err
	}
	s.umask = unix.Umask(0o022) // whoever checks run as has to read what is made here
	if err := errors.Join(os.Lchown(s.dir, s.uid, s.gid), s.furnish(ctx)); err != nil {
		return nil, errors.Join(fmt.Errorf("preparing the sandbox: %w", err), s.close())
	}
	s.limits = s.possible()
	return s, nil
}

// makeDir makes a directory that whoever checks run as gets to, and from which programs can be run.
func (s *sandbox) makeDir() (string, error) {
	var last error
	for _, parent := range []string{os.TempDir(), "/tmp", "/var/tmp"} {
		if last = s.usable(parent); last == nil {
			return os.MkdirTemp(parent, "stave-grade-")
		}
	}
	return "", fmt.Errorf("finding a place for the sandbox: %w: name another in TMPDIR", last)
}

func (s *sandbox) usable(dir string) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return err
	}
	if fs.Flags&unix.ST_NOEXEC != 0 {
		return fmt.Errorf("%s is mounted noexec", dir)
	}
	for above := dir; s.host.Privileged && above != "/"; above = filepath.Dir(above) {
		info, err := os.Stat(above)
		if err != nil {
			return err
		}
		if info.Mode()&1 == 0 {
			return fmt.Errorf("%s is closed to others", above)
		}
	}
	return nil
}

func (s *sandbox) close() error {
	unix.Umask(s.umask)
	return os.RemoveAll(s.dir)
}

// possible are the limits that this user may set here.
func (s *sandbox) possible() *specs.LinuxResources {
	r := resources()
	try := func(one specs.LinuxResources) bool {
		_, err := cgroup.New(s.host.Cgroups, cgroup.Where{Name: cgroupPrefix, Privileged: s.host.Privileged}, &one)
		return err == nil
	}
	if !try(specs.LinuxResources{Memory: r.Memory}) {
		r.Memory = nil
	}
	if !try(specs.LinuxResources{CPU: r.CPU}) {
		r.CPU = nil
	}
	if !try(specs.LinuxResources{Pids: r.Pids}) {
		r.Pids = nil
	}
	return r
}

// check runs a check on a program. What a student can do to it is in the result, or errTimedOut or errCollapse; any other error
// is of this machine's.
func (s *sandbox) check(ctx context.Context, program, checkDir string, patience time.Duration) (exercise.Result, error) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return exercise.Result{}, err
	}
	channel, theirs := os.NewFile(uintptr(ends[0]), "channel"), os.NewFile(uintptr(ends[1]), "channel")
	defer channel.Close()
	defer theirs.Close()
	words, said, err := os.Pipe()
	if err != nil {
		return exercise.Result{}, err
	}
	defer words.Close()
	defer said.Close()
	p, dirs, err := s.plan(program, checkDir, patience)
	if err != nil {
		return exercise.Result{}, err
	}
	goruntime.LockOSThread() // the sandbox dies with this thread
	defer goruntime.UnlockOSThread()
	process, err := p.Run(plan.Options{Inputs: map[string]int{"channel": int(theirs.Fd()), "said": int(said.Fd())}})
	if err != nil {
		return exercise.Result{}, errors.Join(fmt.Errorf("making the sandbox: %w", err), removeCgroups(dirs))
	}
	defer unix.Close(process.PidFD)
	theirs.Close()
	said.Close()
	r, err := s.follow(ctx, process, channel, words, patience)
	return r, errors.Join(err, removeCgroups(dirs))
}

// spare is how much longer than its check a sandbox may take.
const spare = 10 * time.Second

// follow waits for the verdict and the end of the sandbox, whichever way it comes.
func (s *sandbox) follow(ctx context.Context, process *plan.Process, channel, words *os.File, patience time.Duration) (exercise.Result, error) {
	timed, cancel := context.WithTimeout(ctx, patience+spare)
	defer cancel()
	stop := context.AfterFunc(timed, func() { _ = unix.PidfdSendSignal(process.PidFD, unix.SIGKILL, nil, 0) })
	defer stop()
	complaint := make(chan string, 1)
	go func() {
		const enough = 16 << 10
		text, _ := io.ReadAll(io.LimitReader(words, enough))
		complaint <- strings.TrimSpace(string(text))
		_, _ = io.Copy(io.Discard, words)
	}()
	const most = 1 << 20 // bytes, of a verdict
	in := json.NewDecoder(io.LimitReader(channel, most))
	ready, verdict := false, (*exercise.Result)(nil)
	for verdict == nil {
		var m message
		if err := in.Decode(&m); err != nil {
			if !errors.Is(err, io.EOF) {
				cancel() // what it sends is none of ours
			}
			break
		}
		ready, verdict = ready || m.Ready, m.Verdict
	}
	if verdict != nil {
		_ = unix.PidfdSendSignal(process.PidFD, unix.SIGKILL, nil, 0) // nothing in there is of use any more
	}
	code, err := process.Wait()
	text, _, _ := strings.Cut(<-complaint, "\n") // what follows is of interest to nobody who grades
	switch {
	case ctx.Err() != nil:
		return exercise.Result{}, ctx.Err()
	case err != nil:
		return exercise.Result{}, err
	case verdict != nil:
		return *verdict, nil
	case errors.Is(timed.Err(), context.DeadlineExceeded) && ready:
		return exercise.Result{}, errTimedOut
	case ready:
		return exercise.Result{}, fmt.Errorf("%w (exit code %d) %s", errCollapse, code, text)
	}
	return exercise.Result{}, fmt.Errorf("the sandbox ended with %d: %s", code, text)
}
