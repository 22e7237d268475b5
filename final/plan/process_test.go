package plan

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"stave/internal/script"
)

// After a second fork the names mean the new process, whose parent is ours, and the first has gone.
func TestRunReforks(t *testing.T) {
	for _, copied := range []bool{false, true} {
		t.Run(fmt.Sprintf("copied=%v", copied), func(t *testing.T) { reforks(t, copied) })
	}
}

func reforks(t *testing.T, copied bool) {
	t.Helper()
	var p Plan
	p.Clone(0, "", "", "")
	p.Add(Op{Actor: Parent, What: "looking", Calls: []Call{{Name: "pidfd_open", Args: []Arg{Ref("child"), Int(0)}, Result: "first"}}})
	p.Refork(copied, "", "")
	p.Add(Op{Actor: Parent, What: "telling the second from the first", Calls: []Call{
		{Name: RunProgram, Args: []Arg{Str("sh"), Str("-c"), Str("test -d /proc/$0"), Ref("child")}}}})
	p.Add(execve("/bin/sh", "-c", fmt.Sprintf("test $PPID = %d", os.Getpid())))
	proc, err := run(t, &p, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := proc.Result("child"); n != proc.Pid {
		t.Errorf("child is %d, want %d", n, proc.Pid)
	}
	first, _ := proc.Result("first")
	defer unix.Close(first)
	if err := unix.PidfdSendSignal(first, 0, nil, 0); err != unix.ESRCH {
		t.Errorf("signalling the first process: %v, want %v", err, unix.ESRCH)
	}
	if ws := wait(t, proc.Pid); ws.ExitStatus() != 0 {
		t.Errorf("the program ended with %v", ws)
	}
}

// A child that has left goes on alone: here it waits for a byte, and then fails with the code of a shell.
func TestRunReturnsWhenTheChildLeaves(t *testing.T) {
	for name, code := range map[string]int{"/bin/true": 0, "/no/such/program": 127, "/etc/passwd": 126} {
		gate := make([]int, 2)
		if err := unix.Pipe2(gate, unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		var p Plan
		p.Clone(0, "", "", "")
		p.Leave("")
		p.Add(Op{Actor: Child, What: "waiting", Calls: []Call{{Name: "read", Args: []Arg{Ref("gate"), Bytes("byte", make([]byte, 1)), Int(1)}}}})
		p.Add(execve(name))
		proc, err := run(t, &p, Options{Inputs: map[string]int{"gate": gate[0]}})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := unix.Poll([]unix.PollFd{{Fd: int32(proc.PidFD), Events: unix.POLLIN}}, 0); n != 0 {
			t.Errorf("%s: it didn't wait: %v", name, err)
		}
		if _, err := unix.Write(gate[1], []byte{1}); err != nil {
			t.Fatal(err)
		}
		if ws := wait(t, proc.Pid); ws.ExitStatus() != code {
			t.Errorf("%s: the child ended with %v, want %d", name, ws, code)
		}
		unix.Close(gate[0])
		unix.Close(gate[1])
	}
}

// A structure's fields are numbers, addresses and results, in either process.
func TestRunFillsStructures(t *testing.T) {
	dir := t.TempDir()
	for _, who := range []Actor{Parent, Child} {
		var p Plan
		p.Clone(0, "", "", "")
		p.Add(Op{Actor: who, What: "writing by writev's structure", Calls: []Call{
			{Name: "openat", Args: []Arg{AtCWD(), Str("/proc/self/comm"), Int(0)}, Result: "n"},
			{Name: "openat2", Args: []Arg{AtCWD(), Str(dir + "/made-by-" + who.String()),
				Struct("", U64(Sym("O_CREAT|O_WRONLY|O_CLOEXEC", unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC)), U64(Mode(0o600)), U64(Int(0))), Int(24)}, Result: "fd"},
			{Name: "write", Args: []Arg{Ref("fd"), Struct("", U16(Ref("n")), U16(Int(7)), U32(Ref("n")), U64(Ref("n"))), Int(16)}},
		}})
		p.Add(execve("/bin/true"))
		proc, err := run(t, &p, Options{})
		if err != nil {
			t.Fatal(err)
		}
		wait(t, proc.Pid)
		b, err := os.ReadFile(dir + "/made-by-" + who.String())
		if err != nil {
			t.Fatal(err)
		}
		if len(b) != 16 || b[0] == 0 || b[1] != 0 || b[2] != 7 || b[4] != b[0] || b[8] != b[0] || b[15] != 0 {
			t.Errorf("%v wrote % x", who, b)
		}
	}
}

func TestRunObeysIfAndUnless(t *testing.T) {
	for _, who := range []Actor{Parent, Child} {
		dir := t.TempDir()
		mkdir := func(name, when, unless string) Call {
			return Call{Name: "mkdirat", Args: []Arg{AtCWD(), Str(dir + "/" + name), Mode(0o700)}, If: when, Unless: unless}
		}
		var p Plan
		p.Clone(0, "", "", "")
		p.Add(Op{Actor: who, What: "x", Calls: []Call{
			{Name: "openat", Args: []Arg{AtCWD(), Str("/no/such/file"), Int(0)}, Result: "absent", Allow: []unix.Errno{unix.ENOENT}},
			{Name: "umask", Args: []Arg{Mode(0o22)}, Result: "present"},
			mkdir("a", "absent", ""), mkdir("b", "present", ""), mkdir("c", "", "absent"), mkdir("d", "", "present"),
		}})
		p.Add(execve("/bin/true"))
		proc, err := run(t, &p, Options{})
		if err != nil {
			t.Fatal(err)
		}
		wait(t, proc.Pid)
		var got []string
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			got = append(got, e.Name())
		}
		if strings.Join(got, "") != "bc" {
			t.Errorf("%v: got %v, want b and c", who, got)
		}
	}
}

// A program of the parent's gets its input and its time, inside the child's namespaces if so asked.
func TestRunProgram(t *testing.T) {
	for _, tc := range []struct {
		name, script string
		program      Program
		want         string
	}{
		{"input", `test "$(cat)" = "it is $0!"`, Program{Stdin: Concat(Str("it is "), Ref("child"), Str("!"))}, ""},
		{"environment", `test "$A" = b && test -z "$HOME"`, Program{Env: []string{"A=b"}}, ""},
		{"many arguments", "test $# = 8", Program{}, ""},
		{"failure", "echo why; exit 3", Program{}, "x: why"},
		{"silent failure", "exit 3", Program{}, "x: exit status 3"},
		{"too long", "exec sleep 60", Program{Timeout: 50 * time.Millisecond}, "x: it was killed: it ran for longer than the 50ms it may"},
		{"for nobody", "kill -KILL $0; exec sleep 60", Program{}, "x: it was killed: the child died before it could run the program"},
		{"inside", `test "$(cat)$(readlink /proc/self/ns/uts)" = "$(readlink /proc/$0/ns/uts)"`, Program{Inside: unix.CLONE_NEWUTS}, ""},
		{"inside a pid namespace", "test $$ -lt 9", Program{Inside: unix.CLONE_NEWPID}, ""},
		{"inside, failing", "echo why >&2; exit 3", Program{Inside: unix.CLONE_NEWUTS}, "x: why"},
		{"inside, too long", "exec sleep 60", Program{Inside: unix.CLONE_NEWUTS, Timeout: 50 * time.Millisecond}, "x: it was killed: it ran for longer than the 50ms it may"},
		{"inside, for nobody", "kill -KILL $0; exec sleep 60", Program{Inside: unix.CLONE_NEWUTS}, "x: it was killed: the child died before it could run the program"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			flags := tc.program.Inside
			if flags != 0 {
				script.Need(t, "root")
			}
			tc.program.Path = "/bin/sh"
			var p Plan
			p.Clone(flags, "", "", "")
			p.Add(Op{Actor: Parent, What: "x", Calls: []Call{
				{Name: RunProgram, Args: []Arg{Str("sh"), Str("-c"), Str(tc.script), Ref("child"), Int(1), Int(2), Int(3), Int(4), Int(5), Int(6), Int(7), Int(8)}, Program: &tc.program}}})
			p.Add(execve("/bin/true"))
			proc, err := run(t, &p, Options{})
			if err == nil {
				wait(t, proc.Pid)
			}
			var failure *Error
			switch {
			case tc.want == "" && err != nil, tc.want != "" && (!errors.As(err, &failure) && !errors.Is(err, ErrDied) || err.Error() != tc.want):
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// A list may end in the child's exit: what it made by then is all that was wanted.
func TestRunEndsInAnExit(t *testing.T) {
	var p Plan
	p.Clone(0, "", "", "")
	p.Add(Op{Actor: Child, What: "ending", Calls: []Call{{Name: "exit_group", Args: []Arg{Int(7)}}}})
	proc, err := run(t, &p, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if ws := wait(t, proc.Pid); ws.ExitStatus() != 7 {
		t.Errorf("the child ended with %v", ws)
	}
}

// A request is the parent's: the child waits for the answer, and doesn't survive a refusal.
func TestAsk(t *testing.T) {
	refused := errors.New("refused")
	for _, answer := range []error{nil, refused} {
		asked := 0
		var p Plan
		p.Clone(0, "", "", "")
		p.Add(Op{Actor: Parent, What: "asking", Calls: []Call{{Name: "Method", Args: []Arg{Str("x"), Ref("child")}, Ask: func(child int) error {
			asked = child
			if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", child)); err != nil || exe != own(t) {
				t.Errorf("the child is %s (%v) by now", exe, err)
			}
			return answer
		}}}})
		p.Add(execve("/bin/sh", "-c", "exit 3"))
		proc, err := run(t, &p, Options{})
		if !errors.Is(err, answer) || err != nil && !strings.HasPrefix(err.Error(), "asking: ") {
			t.Errorf("got error %v, want %v", err, answer)
		}
		if err == nil {
			if asked != proc.Pid {
				t.Errorf("asked about %d, and the child is %d", asked, proc.Pid)
			}
			if ws := wait(t, proc.Pid); ws.ExitStatus() != 3 {
				t.Errorf("the program ended with %v", ws)
			}
		} else if err := unix.Kill(asked, 0); err != unix.ESRCH {
			t.Errorf("the child lives on (%v)", err)
		}
		var text strings.Builder
		if err := p.WriteText(&text, nil); err != nil || !strings.Contains(text.String(), `Method("x", child)`) {
			t.Errorf("as text it is %s (%v)", text.String(), err)
		}
	}
}

// own is this program's file.
func own(t *testing.T) string {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// What the plan drops is closed once the program runs.
func TestRunDrops(t *testing.T) {
	fd, err := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := Plan{Drop: []string{"fd", "no such result"}}
	p.Clone(0, "", "", "")
	p.Add(execve("/bin/true"))
	proc, err := run(t, &p, Options{Inputs: map[string]int{"fd": fd}})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := proc.Result("fd"); ok {
		t.Error("what was dropped still counts as a result")
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != unix.EBADF {
		t.Errorf("using what was dropped: %v, want %v", err, unix.EBADF)
	}
	wait(t, proc.Pid)
}

// A child has nothing of what the parent has on its heap.
func TestRunWithholdsTheHeap(t *testing.T) {
	ballast := bytes.Repeat([]byte{0xaa}, 1<<20)
	at := uintptr(unsafe.Pointer(&ballast[len(ballast)/2]))
	gate := make([]int, 2)
	if err := unix.Pipe2(gate, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(gate[0])
	var p Plan
	p.Clone(0, "", "", "")
	p.Leave("")
	p.Add(Op{Actor: Child, What: "waiting", Calls: []Call{{Name: "read", Args: []Arg{Ref("gate"), Bytes("byte", make([]byte, 1)), Int(1)}}}})
	p.Add(execve("/bin/sh", "-c", "exit 7"))
	near := new([64]byte)
	proc, err := run(t, &p, Options{Inputs: map[string]int{"gate": gate[0]}})
	if err != nil {
		t.Fatal(err)
	}
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", proc.Pid))
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	if uintptr(unsafe.Pointer(near))/arena != at/arena || withheld == nothing {
		t.Log("the heap has more than one arena, or the race detector is in this program: nothing was looked at")
	} else if _, err := memory.ReadAt(make([]byte, 1), int64(at)); !errors.Is(err, unix.EIO) {
		t.Errorf("reading the heap in the child: %v, want %v", err, unix.EIO)
	}
	if _, err := unix.Write(gate[1], []byte{0}); err != nil {
		t.Fatal(err)
	}
	unix.Close(gate[1])
	if ws := wait(t, proc.Pid); ws.ExitStatus() != 7 {
		t.Errorf("the program ended with %v", ws)
	}
	runtime.KeepAlive(ballast)
}

// A plan that is too large for its memory is an error like that of execve.
func TestRunRefusesAPlanTooLarge(t *testing.T) {
	var p Plan
	p.Clone(0, "", "", "")
	p.Add(execve("/bin/true", strings.Repeat("x", extent)))
	if _, err := run(t, &p, Options{}); !errors.Is(err, unix.E2BIG) {
		t.Errorf("an argument of %d bytes: %v, want %v", extent, err, unix.E2BIG)
	}
}

// A signal that Go handles and that by default does nothing is no end of the child.
func TestRunClearsHandlers(t *testing.T) {
	var p Plan
	p.Clone(0, "", "", "")
	p.Add(Op{Actor: Parent, What: "signalling", Calls: []Call{
		{Name: "pidfd_send_signal", Args: []Arg{Ref("pidfd"), Sym("SIGURG", int(unix.SIGURG)), Null(), Int(0)}}}})
	p.Add(execve("/bin/sh", "-c", "exit 7"))
	proc, err := run(t, &p, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if ws := wait(t, proc.Pid); ws.ExitStatus() != 7 {
		t.Errorf("the program ended with %v", ws)
	}
}

// Other forks of this program aren't changed: package syscall's own, which for a new user namespace copies the memory.
func TestRunLeavesOtherForks(t *testing.T) {
	script.Need(t, "userns")
	var p Plan
	p.Clone(0, "", "", "")
	p.Add(execve("/bin/true"))
	proc, err := run(t, &p, Options{})
	if err != nil {
		t.Fatal(err)
	}
	wait(t, proc.Pid)
	cmd := exec.Command("/bin/true")
	cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER}
	if err := cmd.Run(); err != nil {
		t.Errorf("a program in a new user namespace: %v", err)
	}
}
