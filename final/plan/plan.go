package plan

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// A Plan is the list. The zero value is empty and ready to use.
type Plan struct {
	Ops []Op

	names int // how many names Name has given out
}

// Add appends an operation.
func (p *Plan) Add(op Op) { p.Ops = append(p.Ops, op) }

// Name returns a name for a result that no other operation of this plan has: "fd" becomes "fd1", "fd2" and so on.
func (p *Plan) Name(prefix string) string {
	p.names++
	return fmt.Sprintf("%s%d", prefix, p.names)
}

// Clone appends the clone(2) that divides the list. flags is any of CLONE_NEW*, text is how they are printed. The child's pid
// gets the name "child" and a pidfd for it the name "pidfd" (pidfd_open(2) tells what one is good for).
func (p *Plan) Clone(flags int, text, why, step string) {
	if text != "" {
		text += "|"
	}
	p.Add(Op{
		Actor: Parent, What: "cloning the child", Why: why, Step: step,
		Calls: []Call{{
			Name:   "clone",
			Args:   []Arg{Sym(text+"CLONE_PIDFD|SIGCHLD", flags|unix.CLONE_PIDFD|int(unix.SIGCHLD)), Null(), Out("pidfd")},
			Result: "child",
		}},
	})
}

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

// check tells what is wrong with the list as a list: no clone or two, a child's operation before it, a name used before
// it is given, a list that doesn't end in the child's execve. Such a fault is a mechanism package's, never a user's.
func (p *Plan) check(inputs map[string]int) error {
	known := map[string]bool{}
	for name := range inputs {
		known[name] = true
	}
	cloned, last := false, ""
	for i, op := range p.Ops {
		if op.Actor == Child && !cloned {
			return fmt.Errorf("plan: operation %d (%s) is the child's, before clone", i, op.What)
		}
		if len(op.Calls) == 0 {
			return fmt.Errorf("plan: operation %d (%s) has no calls", i, op.What)
		}
		for _, c := range op.Calls {
			if err := checkCall(op.Actor, c, known); err != nil {
				return fmt.Errorf("plan: operation %d (%s): %w", i, op.What, err)
			}
			if c.Name == "clone" {
				if cloned || len(op.Calls) != 1 {
					return fmt.Errorf("plan: operation %d (%s): a plan has one clone, alone in its operation", i, op.What)
				}
				cloned = true
			}
			last = op.Actor.String() + " " + c.Name
		}
	}
	if last != "child execve" {
		return fmt.Errorf("plan: the last call is %q, not the child's execve", last)
	}
	return nil
}

func checkCall(who Actor, c Call, known map[string]bool) error {
	if c.Name == RunProgram {
		if who == Child {
			return fmt.Errorf("the child can't run programs")
		}
	} else if _, ok := syscalls[c.Name]; !ok {
		return fmt.Errorf("%s is not in the table of system calls", c.Name)
	}
	if c.Name != RunProgram && len(c.Args) > 6 {
		return fmt.Errorf("%s has %d arguments; the kernel takes six", c.Name, len(c.Args))
	}
	for _, a := range c.Args {
		for _, part := range append([]Arg{a}, a.parts...) {
			if part.kind == argRef && !known[part.text] {
				return fmt.Errorf("%s names the result %q, which no earlier call has", c.Name, part.text)
			}
		}
		if a.kind == argConcat && who == Child {
			return fmt.Errorf("%s: the child can't join strings", c.Name)
		}
		if a.kind == argOut {
			if c.Name != "clone" {
				return fmt.Errorf("%s: only clone fills a result through a pointer", c.Name)
			}
			known[a.text] = true
		}
	}
	if c.Result != "" {
		known[c.Result] = true
	}
	return nil
}
