package plan

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// A Plan is the list. The zero value is empty and ready to use.
type Plan struct {
	Ops []Op
	// Into names a descriptor of a cgroup's directory (version 2) that Clone puts the child into from its first moment. It may be empty.
	Into string
	// Drop names descriptors that the parent closes when the child has nothing left to do but to execute the program: what the kernel then has to wait for it does meanwhile.
	Drop []string

	names int // how many names Name has given out
}

// Add appends an operation.
func (p *Plan) Add(op Op) { p.Ops = append(p.Ops, op) }

// Name returns a name for a result that no other operation of this plan has: "fd" becomes "fd1", "fd2" and so on.
func (p *Plan) Name(prefix string) string {
	p.names++
	return fmt.Sprintf("%s%d", prefix, p.names)
}

// Clone appends the clone3(2) that divides the list. flags is any of CLONE_NEW*, text is how they are printed. The child's pid
// gets the name "child" and a pidfd for it the name "pidfd" (pidfd_open(2) tells what one is good for).
func (p *Plan) Clone(flags int, text, why, step string) {
	if text != "" {
		text += "|"
	}
	// Handlers of signals are Go code, which the child can't run.
	flags |= unix.CLONE_PIDFD | unix.CLONE_CLEAR_SIGHAND
	text += "CLONE_PIDFD|CLONE_CLEAR_SIGHAND"
	none := U64(Int(0))
	group, into := none, ""
	if p.Into != "" {
		flags |= unix.CLONE_INTO_CGROUP
		text += "|CLONE_INTO_CGROUP"
		group, into = U64(Ref(p.Into)), ", cgroup="+p.Into
	}
	args := Struct("{flags="+text+", pidfd=&pidfd, exit_signal=SIGCHLD"+into+"}", // struct clone_args
		U64(Int(flags)), U64(Out("pidfd")), none, none, U64(Int(int(unix.SIGCHLD))), none, none, none, none, none, group)
	p.Add(Op{Actor: Parent, What: "cloning the child", Why: why, Step: step, Calls: []Call{{Name: "clone3", Args: []Arg{args, args.Size()}, Result: "child"}}})
}

// Clones tells whether the call makes a process.
func (c Call) Clones() bool { return c.Name == "clone" || c.Name == "clone3" }

// WriteFile is the calls that write data to an existing file, whose name may be a [Concat] in the parent. It never creates one:
// where these files are expected (proc, cgroup), a new one would mean we are somewhere else.
func (p *Plan) WriteFile(name, data Arg) []Call {
	fd := p.Name("file")
	length := Arg{kind: argInt, num: uint64(len(data.text)), text: fmt.Sprint(len(data.text))}
	if data.kind == argConcat {
		length = Arg{kind: argInt, num: lengthOfFirst, text: "len"}
	}
	return []Call{
		{Name: "openat", Args: []Arg{AtCWD(), name, Sym("O_WRONLY|O_CLOEXEC", unix.O_WRONLY|unix.O_CLOEXEC)}, Result: fd},
		{Name: "write", Args: []Arg{Ref(fd), data, length}},
		{Name: "close", Args: []Arg{Ref(fd)}},
	}
}

// lengthOfFirst stands for the length of a write's Concat, which is known only when its parts are.
const lengthOfFirst = 1<<64 - 1

// AtCWD is AT_FDCWD: a relative name begins at the working directory.
func AtCWD() Arg { return Sym("AT_FDCWD", unix.AT_FDCWD) }

// Refork appends the child's operation that makes it another process: a second clone(2), whose child goes on with the list while the
// first ends. It is a child of the parent all the same (CLONE_PARENT), and "child" and "pidfd" are its from here on. Joining a pid namespace takes
// it, which moves only children that come later (setns(2)), and so does a new time namespace (time_namespaces(7)). The second takes over the first's memory, unless
// copied says that it gets its own: in a new time namespace the kernel demands that.
func (p *Plan) Refork(copied bool, why, step string) {
	text, flags := "CLONE_PARENT|SIGCHLD", unix.CLONE_PARENT|int(unix.SIGCHLD)
	if !copied {
		text, flags = "CLONE_VM|"+text, unix.CLONE_VM|flags
	}
	p.Add(Op{Actor: Child, What: "forking once more", Why: why, Step: step, Calls: []Call{
		{Name: "clone", Args: []Arg{Sym(text, flags)}, Result: "child"}}})
}

// Leave appends the child's operation after which [Plan.Run] returns: the child tells that all went well and goes on alone. Nobody hears of what fails
// then; it exits with 127 if there was no program to execute, 126 if it couldn't be executed, and 125 for anything else.
func (p *Plan) Leave(why string) {
	p.Add(Op{Actor: Child, What: "letting go of the parent", Why: why, Calls: []Call{{Name: LetGo}}})
}

// check tells what is wrong with the list as a list: no clone or two, a child's operation before it, a name used before
// it is given, a list that doesn't end in the child's execve or exit_group. Such a fault is a mechanism package's, never a user's. The names that the list
// gives are added to those that are known.
func (p *Plan) check(known names) error {
	cloned, left, last := false, false, Call{}
	for i, op := range p.Ops {
		switch {
		case op.Actor == Child && !cloned:
			return fmt.Errorf("plan: operation %d (%s) is the child's, before clone", i, op.What)
		case op.Actor == Parent && left:
			return fmt.Errorf("plan: operation %d (%s) is the parent's, after the child has left", i, op.What)
		case len(op.Calls) == 0:
			return fmt.Errorf("plan: operation %d (%s) has no calls", i, op.What)
		}
		for _, c := range op.Calls {
			if err := checkCall(op.Actor, c, known); err != nil {
				return fmt.Errorf("plan: operation %d (%s): %w", i, op.What, err)
			}
			if c.Clones() && (len(op.Calls) != 1 || op.Actor == Parent && cloned) {
				return fmt.Errorf("plan: operation %d (%s): a plan has one clone in the parent, and each is alone in its operation", i, op.What)
			}
			cloned = cloned || c.Clones()
			left = left || c.Name == LetGo
			last = c
		}
	}
	if n := len(p.Ops); n == 0 || p.Ops[n-1].Actor != Child || last.Name != "execve" && last.Name != "exit_group" {
		return fmt.Errorf("plan: the last call is %q, not the child's execve or exit_group", last.Name)
	}
	return nil
}

func checkCall(who Actor, c Call, known names) error {
	_, real := syscallNumber(c.Name)
	switch {
	case (c.Name == RunProgram || c.Name == CopyTree || c.Ask != nil) && who == Child:
		return fmt.Errorf("%s: the child can't run programs or Go code", c.Name)
	case c.Clones() && (c.Name == "clone3") != (who == Parent):
		return fmt.Errorf("%s: the parent divides the list by clone3, the child forks once more by clone", c.Name)
	case c.Name == LetGo && who == Parent:
		return fmt.Errorf("only the child can leave")
	case !real && c.Ask == nil && c.Name != RunProgram && c.Name != CopyTree && c.Name != LetGo:
		return fmt.Errorf("%s is not in the table of system calls", c.Name)
	case c.Name != RunProgram && len(c.Args) > 6:
		return fmt.Errorf("%s has %d arguments; the kernel takes six", c.Name, len(c.Args))
	}
	for _, a := range c.Args {
		if err := checkArg(who, c, a, known); err != nil {
			return err
		}
		for _, part := range a.parts() {
			if err := checkArg(who, c, part, known); err != nil {
				return err
			}
		}
	}
	for _, name := range []string{c.If, c.Unless} {
		if name != "" && !known.has(name) && name != c.Result {
			return fmt.Errorf("%s depends on the result %q, which no earlier call has", c.Name, name)
		}
	}
	if c.Result != "" {
		known.add(c.Result)
	}
	return nil
}

func checkArg(who Actor, c Call, a Arg, known names) error {
	switch {
	case a.kind == argRef && !known.has(a.text):
		return fmt.Errorf("%s names the result %q, which no earlier call has", c.Name, a.text)
	case a.kind == argConcat && who == Child:
		return fmt.Errorf("%s: the child can't join strings", c.Name)
	case a.kind == argOut && !c.Clones():
		return fmt.Errorf("%s: only clone fills a result through a pointer", c.Name)
	case a.kind == argOut:
		known.add(a.text)
	}
	return nil
}
