package plan

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Actor is the process that performs an operation.
type Actor uint8

// The two processes either side of clone(2).
const (
	Parent Actor = iota
	Child
)

func (a Actor) String() string {
	if a == Child {
		return "child"
	}
	return "parent"
}

// An Op is one purpose: who acts, what for, and the system calls that do it.
type Op struct {
	Actor Actor
	// What is a gerund and its object, "mounting proc on /proc". An error begins with it.
	What string
	// Why is one line for the reader of the list.
	Why string
	// Step is the chapter of the workbook that teaches it, such as "03-mount".
	Step  string
	Calls []Call
}

// A Call is one system call.
type Call struct {
	// Name is the system call's, as in section 2 of the manual. It must be in the table of syscalls.go, or one of those below that are none.
	Name string
	Args []Arg
	// Result names what the call returned, for later arguments. It may be empty.
	Result string
	// Allow lists the errors that are no failure. A call that failed so has no result, and a later call that
	// names that result is passed over.
	Allow []unix.Errno
	// If and Unless name a result: the call is passed over if it is missing, or if it is there.
	If, Unless string
	// Program says more about what [RunProgram] runs. It may be nil.
	Program *Program
	// Ask makes it no system call but a request to another program, which the parent asks in Go, waiting for the answer: a method of
	// systemd's by that name. It is given the child's pid.
	Ask func(child int) error
}

// The Call names that are no system calls.
const (
	// RunProgram has the parent run a program, the call's arguments, and wait for it: newuidmap(1) and newgidmap(1), because
	// only they are trusted with subordinate ids, and the hooks of a configuration.
	RunProgram = "run"
	// CopyTree has the parent copy what is below one directory into another, both descriptors of its own.
	CopyTree = "copytree"
	// LetGo has the child tell the parent that all is well and go on by itself; see [Plan.Leave].
	LetGo = "leave"
)

// A Program is how [RunProgram] runs one.
type Program struct {
	// Path is the file that is executed. If it is empty, that is the first argument, looked for in PATH.
	Path string
	// Env is its whole environment. If it is nil, that is the caller's.
	Env []string
	// Stdin is what it reads: a [Str] or a [Concat]. The zero Arg is nothing.
	Stdin Arg
	// Timeout is how long it may take; then it is killed, and that is a failure. Zero is without end.
	Timeout time.Duration
	// Inside is the namespaces of the child that it runs in, any of CLONE_NEW*. Zero is none: it runs where the parent does.
	Inside int
}

type argKind uint8

const (
	argInt    argKind = iota
	argString         // a NUL-terminated string
	argList           // a NULL-terminated array of strings
	argBytes          // a pointer to a structure
	argRef            // the result of an earlier call
	argOut            // a pointer to an int32 that the call fills
	argConcat         // strings and results joined, in the parent only
	argStruct         // a pointer to a structure whose fields may be results
)

// An Arg is one argument of a call, as data.
type Arg struct {
	kind argKind
	text string // how it's printed, for argInt and argBytes; the value for argString; the name for argRef and argOut
	num  uint64
	more *more // what only some kinds have: there are a thousand arguments in a plan
}

type more struct {
	bytes []byte
	list  []string
	parts []Arg // of argConcat; the fields of argStruct
	sizes []int // of argStruct: bytes of each field
}

// parts are those of an argument that has some.
func (a Arg) parts() []Arg {
	if a.more == nil {
		return nil
	}
	return a.more.parts
}

// Int is a number, printed in decimal.
func Int(n int) Arg { return Arg{kind: argInt, num: uint64(n), text: strconv.Itoa(n)} }

// Mode is a file mode, printed in octal.
func Mode(m uint32) Arg { return Arg{kind: argInt, num: uint64(m), text: fmt.Sprintf("%#o", m)} }

// Sym is a number with a name: Sym("MS_REC|MS_PRIVATE", unix.MS_REC|unix.MS_PRIVATE).
func Sym(name string, n int) Arg { return Arg{kind: argInt, num: uint64(n), text: name} }

// Null is a null pointer.
func Null() Arg { return Arg{kind: argInt, text: "NULL"} }

// Str is a pointer to a string.
func Str(s string) Arg { return Arg{kind: argString, text: s} }

// Strs is a pointer to an array of strings, as execve(2) takes them. Its values are printed unless there are more than
// a few, such as an environment.
func Strs(list []string) Arg { return Arg{kind: argList, more: &more{list: list}} }

// Bytes is a pointer to a structure or a buffer, with its text form.
func Bytes(text string, b []byte) Arg { return Arg{kind: argBytes, text: text, more: &more{bytes: b}} }

// Ref is the result of the earlier call that was given this name, or of an input of [Plan.Run].
func Ref(name string) Arg { return Arg{kind: argRef, text: name} }

// Out is a pointer to an int32; what the call writes there gets this name. Only clone(2) uses it, for the pidfd.
func Out(name string) Arg { return Arg{kind: argOut, text: name} }

// Concat joins strings and results in decimal to one string: Concat(Str("/proc/"), Ref("child"), Str("/uid_map")). Only the parent
// can do this, because it takes memory.
func Concat(parts ...Arg) Arg { return Arg{kind: argConcat, more: &more{parts: parts}} }

// A Field is one of a [Struct].
type Field struct {
	size  int
	value Arg
}

// U16 is a field of 16 bits: a number, or a result, filled in just before the call.
func U16(a Arg) Field { return Field{2, a} }

// U32 is a field of 32 bits; see [U16].
func U32(a Arg) Field { return Field{4, a} }

// U64 is a field of 64 bits, which may also be an address: of a string, of bytes, of another structure without results.
func U64(a Arg) Field { return Field{8, a} }

// Struct is a pointer to a structure of these fields one after the other, with its text form. Padding is a field like any other.
func Struct(text string, fields ...Field) Arg {
	m := &more{parts: make([]Arg, len(fields)), sizes: make([]int, len(fields))}
	for i, f := range fields {
		m.parts[i], m.sizes[i] = f.value, f.size
	}
	return Arg{kind: argStruct, text: text, more: m}
}

// size is that of a structure, in bytes.
func (a Arg) size() (n int) {
	for _, s := range a.more.sizes {
		n += s
	}
	return n
}

// Size is the number of bytes of a [Struct] or of [Bytes], as calls want it that take the size with the address.
func (a Arg) Size() Arg {
	if a.kind == argBytes {
		return Int(len(a.more.bytes))
	}
	return Int(a.size())
}

// String is the argument as a reader of the list sees it.
func (a Arg) String() string {
	switch a.kind {
	case argString:
		return strconv.Quote(a.text)
	case argList:
		if len(a.more.list) > 8 {
			return fmt.Sprintf("[%d strings]", len(a.more.list))
		}
		quoted := make([]string, len(a.more.list))
		for i, s := range a.more.list {
			quoted[i] = strconv.Quote(s)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	case argOut:
		return "&" + a.text
	case argConcat:
		var b strings.Builder
		for _, p := range a.more.parts {
			if p.kind == argRef {
				b.WriteString("{" + p.text + "}")
			} else {
				b.WriteString(p.text)
			}
		}
		return strconv.Quote(b.String())
	default:
		return a.text
	}
}

// String is the call in the notation of strace(1).
func (c Call) String() string {
	args := make([]string, len(c.Args))
	for i, a := range c.Args {
		args[i] = a.String()
	}
	s := c.Name + "(" + strings.Join(args, ", ") + ")"
	if c.Result != "" {
		s = c.Result + " = " + s
	}
	return s
}
