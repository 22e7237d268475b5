package plan

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// execve is the operation every plan ends with.
func execve(argv ...string) Op {
	return Op{Actor: Child, What: "executing " + argv[0], Calls: []Call{{
		Name: "execve", Args: []Arg{Str(argv[0]), Strs(argv), Strs([]string{"PATH=/bin:/usr/bin"})},
	}}}
}

func run(t *testing.T, p *Plan, o Options) (*Process, error) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	proc, err := p.Run(o)
	if err == nil {
		t.Cleanup(func() { unix.Close(proc.PidFD) })
	}
	return proc, err
}

func wait(t *testing.T, pid int) unix.WaitStatus {
	t.Helper()
	var ws unix.WaitStatus
	for {
		if _, err := unix.Wait4(pid, &ws, 0, nil); err == nil {
			return ws
		} else if err != unix.EINTR {
			t.Fatalf("waiting for %d: %v", pid, err)
		}
	}
}

// A result of the child's goes to the parent, and one of the parent's back to the child, in the order of the list.
func TestRunPassesResultsBothWays(t *testing.T) {
	dir := t.TempDir()
	var p Plan
	p.Clone(0, "", "", "")
	p.Add(Op{Actor: Child, What: "opening the directory", Calls: []Call{
		{Name: "openat", Args: []Arg{AtCWD(), Str(dir), Sym("O_RDONLY|O_CLOEXEC", unix.O_RDONLY|unix.O_CLOEXEC)}, Result: "dir"},
	}})
	p.Add(Op{Actor: Parent, What: "fetching the child's descriptor", Calls: []Call{
		{Name: "pidfd_getfd", Args: []Arg{Ref("pidfd"), Ref("dir"), Int(0)}, Result: "copy"},
		{Name: "mkdirat", Args: []Arg{Ref("copy"), Str("made-by-parent"), Mode(0o755)}},
		{Name: "umask", Args: []Arg{Mode(0o22)}, Result: "mask"},
		{Name: "umask", Args: []Arg{Ref("mask")}},
	}})
	p.Add(Op{Actor: Child, What: "using both", Calls: []Call{
		{Name: "mkdirat", Args: []Arg{Ref("dir"), Str("made-by-child"), Mode(0o755)}},
		{Name: "umask", Args: []Arg{Ref("mask")}},
		{Name: "fchdir", Args: []Arg{Ref("dir")}},
	}})
	p.Add(execve("/bin/sh", "-c", "mkdir made-by-program; test -d made-by-parent"))
	proc, err := run(t, &p, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if ws := wait(t, proc.Pid); ws.ExitStatus() != 0 {
		t.Errorf("the program ended with %v", ws)
	}
	for _, name := range []string{"made-by-parent", "made-by-child", "made-by-program"} {
		if _, err := os.Stat(dir + "/" + name); err != nil {
			t.Error(err)
		}
	}
	if copied, ok := proc.Result("copy"); !ok {
		t.Error("the parent's result is lost")
	} else {
		unix.Close(copied)
	}
}

func TestRunNamesTheFailedOperation(t *testing.T) {
	mkdir := func(who Actor, allow ...unix.Errno) Op {
		return Op{Actor: who, What: "making /proc/nowhere", Step: "03-mount", Calls: []Call{
			{Name: "mkdirat", Args: []Arg{AtCWD(), Str("/proc/nowhere"), Mode(0o755)}, Result: "made", Allow: allow},
			{Name: "close", Args: []Arg{Ref("made")}},
		}}
	}
	for _, tc := range []struct {
		name string
		ops  []Op
		want string
	}{
		{"child", []Op{mkdir(Child), execve("/bin/true")}, "making /proc/nowhere: no such file or directory (step 03-mount)"},
		{"parent", []Op{mkdir(Parent), execve("/bin/true")}, "making /proc/nowhere: no such file or directory (step 03-mount)"},
		{"allowed", []Op{mkdir(Child, unix.ENOENT), mkdir(Parent, unix.ENOENT), execve("/bin/true")}, ""},
		{"another error is allowed", []Op{mkdir(Child, unix.EEXIST), execve("/bin/true")}, "making /proc/nowhere: no such file or directory (step 03-mount)"},
		{"no such program", []Op{execve("/no/such/program")}, "executing /no/such/program: no such file or directory"},
		{"not executable", []Op{execve("/etc/passwd")}, "executing /etc/passwd: permission denied"},
		{"program of the parent", []Op{
			{Actor: Parent, What: "mapping ids", Step: "08-user", Calls: []Call{{Name: RunProgram, Args: []Arg{Str("sh"), Str("-c"), Str("echo no >&2; exit 1")}}}},
			execve("/bin/true"),
		}, "mapping ids: no (step 08-user)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var p Plan
			p.Clone(0, "", "", "")
			p.Ops = append(p.Ops, tc.ops...)
			proc, err := run(t, &p, Options{})
			if tc.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				wait(t, proc.Pid)
				return
			}
			var failure *Error
			if !errors.As(err, &failure) || err.Error() != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

// The search of execvp(3): each directory in turn; a program that is there but can't be run explains more than one that isn't.
// A child that puts something at every number, and then closes them all, still has its way to the parent.
func TestRunKeepsTheChildsSocket(t *testing.T) {
	var p Plan
	p.Clone(0, "", "", "")
	op := Op{Actor: Child, What: "leaving nothing open"}
	for n := 3; n < 100; n++ {
		op.Calls = append(op.Calls, Call{Name: "dup3", Args: []Arg{Ref("null"), Int(n), Sym("O_CLOEXEC", unix.O_CLOEXEC)}, Allow: []unix.Errno{unix.EINVAL}})
	}
	op.Calls = append(op.Calls, Call{Name: "close_range", Args: []Arg{Int(5), Sym("~0U", 1<<32-1), Int(0)}})
	p.Add(op)
	p.Add(Op{Actor: Parent, What: "listing what is open", Calls: []Call{
		{Name: RunProgram, Args: []Arg{Str("/bin/sh"), Str("-c"), Str("ls /proc/$0/fd | tr '\\n' ' ' | grep '^0 1 2 3 4 5 $'"), Ref("child")}}}})
	p.Add(Op{Actor: Child, What: "failing", Calls: []Call{{Name: "fchdir", Args: []Arg{Int(6)}}}})
	p.Add(execve("/bin/true"))
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	_, err = run(t, &p, Options{Inputs: map[string]int{"null": int(null.Fd())}})
	if failed := new(Error); !errors.As(err, &failed) || failed.Op.What != "failing" || failed.Errno != unix.EBADF {
		t.Errorf("Run says %v, and not that failing failed", err)
	}
}

func TestRunSearchesThePath(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/prog", []byte("#!/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	try := func(name string) Call {
		return Call{Name: "execve", Args: []Arg{Str(name), Strs([]string{"prog"}), Strs(nil)}, Allow: []unix.Errno{unix.ENOENT, unix.EACCES}}
	}
	for _, tc := range []struct {
		calls []Call
		want  error
	}{
		{[]Call{try("/nowhere/prog"), try("/bin/true")}, nil},
		{[]Call{try("/nowhere/prog"), try("/nowhere/else")}, unix.ENOENT},
		{[]Call{try(dir + "/prog"), try("/nowhere/prog")}, unix.EACCES},
	} {
		var p Plan
		p.Clone(0, "", "", "")
		p.Add(Op{Actor: Child, What: "executing prog", Calls: tc.calls})
		proc, err := run(t, &p, Options{})
		if !errors.Is(err, tc.want) {
			t.Errorf("%v: got %v, want %v", tc.calls, err, tc.want)
		}
		if err == nil {
			wait(t, proc.Pid)
		}
	}
}

func TestRunReportsAChildThatDied(t *testing.T) {
	var p Plan
	p.Clone(0, "", "", "")
	p.Add(Op{Actor: Child, What: "reading forever", Calls: []Call{{Name: "read", Args: []Arg{Ref("pipe"), Null(), Int(0)}}}})
	p.Add(Op{Actor: Parent, What: "killing the child", Calls: []Call{{Name: RunProgram, Args: []Arg{Str("kill"), Str("-KILL"), Ref("child")}}}})
	p.Add(execve("/bin/true"))
	fds := make([]int, 2)
	if err := unix.Pipe2(fds, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	if _, err := run(t, &p, Options{Inputs: map[string]int{"pipe": fds[0]}}); !errors.Is(err, ErrDied) {
		t.Errorf("got %v, want %v", err, ErrDied)
	}
}

// Every call that is carried out is timed, in both processes, and one that was passed over says so.
func TestRunTimesEachCall(t *testing.T) {
	var p Plan
	p.Clone(0, "", "", "")
	p.Add(Op{Actor: Parent, What: "looking", Calls: []Call{{Name: "umask", Args: []Arg{Mode(0o22)}}}})
	p.Add(Op{Actor: Child, What: "trying", Calls: []Call{
		{Name: "openat", Args: []Arg{AtCWD(), Str("/no/such/file"), Int(0)}, Result: "fd", Allow: []unix.Errno{unix.ENOENT}},
		{Name: "fchdir", Args: []Arg{Ref("fd")}},
	}})
	p.Add(execve("/bin/true"))
	var got []Timing
	proc, err := run(t, &p, Options{Timed: func(t Timing) { got = append(got, t) }})
	if err != nil {
		t.Fatal(err)
	}
	wait(t, proc.Pid)
	if len(got) != 4 {
		t.Fatalf("got %d timings, want 4 (execve can't report): %v", len(got), got)
	}
	if got[2].Errno != unix.ENOENT || !got[3].Skipped {
		t.Errorf("got %v, want an allowed failure and a call passed over", got)
	}
	var b strings.Builder
	if err := p.WriteText(&b, got); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"(no such file or directory)", "(passed over)", " ms  umask(022)"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, b.String())
		}
	}
}

// A list that makes no sense as a list is refused before anything happens.
func TestRunRefusesABrokenList(t *testing.T) {
	clone := func(p *Plan) { p.Clone(0, "", "", "") }
	child := func(calls ...Call) func(*Plan) {
		return func(p *Plan) { p.Add(Op{Actor: Child, What: "x", Calls: calls}) }
	}
	end := func(p *Plan) { p.Add(execve("/bin/true")) }
	for want, steps := range map[string][]func(*Plan){
		"before clone":              {end},
		"not the child's execve":    {clone},
		"not in the table":          {clone, child(Call{Name: "reboot"}), end},
		"which no earlier call has": {clone, child(Call{Name: "close", Args: []Arg{Ref("fd")}}), end},
		"can't join strings":        {clone, child(Call{Name: "chdir", Args: []Arg{Concat(Str("/"), Ref("child"))}}), end},
		"can't run programs":        {clone, child(Call{Name: RunProgram}), end},
		"run programs or Go code":   {clone, child(Call{Name: "Method", Ask: func(int) error { return nil }}), end},
		"one clone":                 {clone, clone, end},
		"once more by clone":        {clone, child(Call{Name: "clone3"}), end},
		"has no calls":              {clone, child(), end},
		"has a NUL byte":            {clone, child(Call{Name: "chdir", Args: []Arg{Str("a\x00b")}}), end},
		"the kernel takes six":      {clone, child(Call{Name: "close", Args: make([]Arg, 7)}), end},
		"fills a result":            {clone, child(Call{Name: "close", Args: []Arg{Out("x")}}), end},
	} {
		var p Plan
		for _, s := range steps {
			s(&p)
		}
		if _, err := p.Run(Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

// A plan forks while other goroutines allocate, lock and fork too; this is where a mistake in child.go would show.
func TestRunBesideABusyProgram(t *testing.T) {
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		var sink [][]byte
		for {
			select {
			case <-stop:
				return
			default:
				sink = append(sink, make([]byte, 4096))
				if len(sink) > 1000 {
					sink = nil
					runtime.GC()
				}
			}
		}
	}()
	for range 50 {
		var p Plan
		p.Clone(0, "", "", "")
		p.Add(Op{Actor: Child, What: "a", Calls: []Call{{Name: "umask", Args: []Arg{Mode(0o22)}}}})
		p.Add(Op{Actor: Parent, What: "b", Calls: []Call{{Name: "umask", Args: []Arg{Mode(0o22)}}}})
		p.Add(execve("/bin/true"))
		proc, err := run(t, &p, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if ws := wait(t, proc.Pid); ws.ExitStatus() != 0 {
			t.Fatalf("the program ended with %v", ws)
		}
	}
	close(stop)
	<-done
}

// When clone itself fails there is no child to clean up.
func TestRunReportsAFailedClone(t *testing.T) {
	var p Plan
	p.Clone(unix.CLONE_NEWUSER|unix.CLONE_FS, "CLONE_NEWUSER|CLONE_FS", "", "08-user") // EINVAL, clone(2)
	p.Add(execve("/bin/true"))
	if _, err := run(t, &p, Options{}); err == nil || err.Error() != "cloning the child: invalid argument (step 08-user)" {
		t.Errorf("got %v", err)
	}
}

// A failure in the parent after the child exists ends the child, too: nothing waits for its turn forever.
func TestRunEndsTheChildOfAFailedParent(t *testing.T) {
	var p Plan
	p.Clone(0, "", "", "")
	p.Add(Op{Actor: Parent, What: "failing", Calls: []Call{{Name: "close", Args: []Arg{Int(-1)}}}})
	p.Add(execve("/bin/true"))
	if _, err := run(t, &p, Options{}); !errors.Is(err, unix.EBADF) {
		t.Errorf("got %v, want %v", err, unix.EBADF)
	}
	if _, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != unix.ECHILD {
		t.Errorf("waiting for children that should be gone: %v", err)
	}
}

// The list as JSON has every call, with what happened to it.
func TestWriteJSON(t *testing.T) {
	var p Plan
	p.Clone(0, "", "why", "02-pid")
	p.Add(execve("/bin/true"))
	var b strings.Builder
	timings := []Timing{{Op: 0, Took: 1500 * time.Microsecond}, {Op: 1, Errno: unix.ENOENT, Skipped: true}}
	if err := p.WriteJSON(&b, timings); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"actor": "child"`, `"why": "why"`, `"step": "02-pid"`, `"us": 1500`, `"error": "no such file or directory"`, `"skipped": true`, `"call": "child = clone3({flags=CLONE_PIDFD|CLONE_CLEAR_SIGHAND, pidfd=&pidfd, exit_signal=SIGCHLD}, 88)"`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the JSON lacks %s:\n%s", want, b.String())
		}
	}
}
