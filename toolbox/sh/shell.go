package sh

import (
	"fmt"
	"maps"
	"os"
	"slices"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// shell is the state of a shell, and of a copy of one that runs ( ) or $( ).
type shell struct {
	name     string   // $0
	params   []string // $1 and on
	vars     map[string]expand.Variable
	funcs    map[string]*syntax.Stmt
	aliases  map[string]string
	builtins map[string]builtin
	options  options
	files    map[int]*os.File // what commands get as their descriptors
	status   int              // $?
	pid      int              // $$, in a subshell too that of the shell
	last     int              // $!, 0 for none
	traps    map[string]string

	frames []frame // functions under way, the innermost last
	loops  int     // loops under way in this function
	tested int     // above 0 in a condition, where set -e has no say

	substituted   int  // status of the last $( ), for an assignment's
	keepFiles     bool // redirections of this statement are to stay: exec
	copied        bool // it is the copy for ( ) or $( )
	optionsLetter int  // how far getopts is in its word

	interactive bool
	control     *control // the terminal, where there is job control
	editor      *editor  // where there is a terminal
	children    *children
	signals     *signals
	jobs        []*job
	others      []*job // of the shell this is a copy of, to be looked at
	history     *history
}

// frame is a function under way: the values its local variables hide.
type frame struct {
	hidden map[string]expand.Variable
	loops  int
}

func newShell(name string) *shell {
	s := &shell{
		name:     name,
		vars:     environment(),
		funcs:    map[string]*syntax.Stmt{},
		aliases:  map[string]string{},
		builtins: allBuiltins(),
		files:    map[int]*os.File{0: os.Stdin, 1: os.Stdout, 2: os.Stderr},
		pid:      os.Getpid(),
		traps:    map[string]string{},
		children: newChildren(),
		signals:  newSignals(),
	}
	s.signals.catch(s.alwaysCaught()...)
	return s
}

// copy returns a shell that can be changed without changing s, to run ( ) or $( ) in.
func (s *shell) copy() *shell {
	c := *s
	c.vars = maps.Clone(s.vars)
	c.funcs = maps.Clone(s.funcs)
	c.aliases = maps.Clone(s.aliases)
	c.files = maps.Clone(s.files)
	c.params = slices.Clone(s.params)
	c.frames = slices.Clone(s.frames)
	for i := range c.frames {
		c.frames[i].hidden = maps.Clone(c.frames[i].hidden)
	}
	c.traps = s.ignored()
	c.jobs, c.others = nil, slices.Concat(s.others, s.jobs)
	c.copied = true
	c.loops = 0
	return &c
}

// within runs do in a copy of the shell. The working directory and the umask are the process's, and are put back.
func (s *shell) within(do func(*shell) error) error {
	dir, err := os.Open(".")
	if err != nil {
		dir = nil // it may have been removed or be unreadable; then there is no way back, and cd is all that needs one
	}
	mask := umask()
	c := s.copy()
	err = c.leave(do(c))
	setUmask(mask)
	if dir != nil {
		dir.Chdir()
		dir.Close()
	}
	s.status = c.status
	return err
}

// leave ends a copy: it runs its EXIT trap, and says what of an unwind concerns the shell it is a copy of.
func (s *shell) leave(err error) error {
	s.runExitTrap()
	if u, ok := err.(unwind); ok && u.kind == toPrompt {
		return u
	}
	return nil
}

// exit ends the shell and returns its exit status. err is what ended it, if not the end of its input.
func (s *shell) exit(err error) int {
	if u, ok := err.(unwind); ok && u.kind == toPrompt && !s.interactive {
		s.runExitTrap()
		s.dieOfInterrupt()
	}
	s.runExitTrap()
	if s.control != nil {
		s.control.restore()
	}
	return s.status
}

func (s *shell) errorf(format string, args ...any) {
	fmt.Fprintf(s.file(2), "sh: "+format+"\n", args...)
}

// file returns what a descriptor stands for. A closed one is a file on which everything fails.
func (s *shell) file(fd int) *os.File {
	if f := s.files[fd]; f != nil {
		return f
	}
	return closed
}

var closed = os.NewFile(^uintptr(0), "closed") // nil, on which every method returns os.ErrInvalid

// unwind is an error that ends what is under way: loops, functions, the shell.
type unwind struct {
	kind   unwindKind
	levels int // of loops
}

type unwindKind int

const (
	toBreak unwindKind = iota
	toContinue
	toReturn
	toExit
	toPrompt // interrupted, or an error that ends what was typed
)

func (u unwind) Error() string {
	return [...]string{"break", "continue", "return", "exit", "interrupted"}[u.kind]
}

// abort is what an error that POSIX says shall end the shell does: at a prompt it ends only what was typed.
func (s *shell) abort() error {
	if s.interactive {
		return unwind{kind: toPrompt}
	}
	return unwind{kind: toExit}
}
