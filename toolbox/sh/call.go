package sh

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// simple runs a simple command: assignments, then a function, a builtin or a program.
func (s *shell) simple(call *syntax.CallExpr) error {
	s.substituted = success
	args, err := s.fields(s.unalias(call.Args)...)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		err := s.assignments(call.Assigns)
		if err == nil {
			s.status = s.substituted
		}
		return err
	}
	hidden := map[string]expand.Variable{}
	for _, a := range call.Assigns {
		hidden[a.Name.Value] = s.vars[a.Name.Value]
	}
	if err := s.assignments(call.Assigns); err != nil {
		s.put(hidden)
		return err
	}
	for name := range hidden { // they are for this command, so it sees them
		v := s.vars[name]
		v.Exported = true
		s.vars[name] = v
	}
	s.trace(args)
	err = s.call(args)
	s.put(hidden)
	return err
}

func (s *shell) assignments(assigns []*syntax.Assign) error {
	for _, a := range assigns {
		if a.Array != nil || a.Index != nil {
			return s.missing("arrays")
		}
		value, err := s.literal(a.Value)
		if err != nil {
			return err
		}
		if a.Append {
			value = s.text(a.Name.Value) + value
		}
		if s.options.xTrace {
			fmt.Fprintf(s.file(2), "%s%s=%s\n", s.text("PS4"), a.Name.Value, quote(value))
		}
		if err := s.assign(a.Name.Value, value); err != nil {
			return s.expanded(err)
		}
	}
	return nil
}

// unalias puts what the first word is short for in its place. What comes out is looked at again, but no name twice.
func (s *shell) unalias(words []*syntax.Word) []*syntax.Word {
	seen := map[string]bool{}
	for len(words) > 0 {
		name := words[0].Lit()
		text, ok := s.aliases[name]
		if !ok || seen[name] {
			break
		}
		seen[name] = true
		var long []*syntax.Word
		for word, err := range newParser().WordsSeq(strings.NewReader(text)) {
			if err != nil {
				return words
			}
			long = append(long, word)
		}
		words = append(long, words[1:]...)
	}
	return words
}

func (s *shell) trace(args []string) {
	if !s.options.xTrace {
		return
	}
	fmt.Fprintf(s.file(2), "%s%s\n", s.text("PS4"), commandLine(args))
}

// commandLine writes arguments so that the shell would read them as they are.
func commandLine(args []string) string {
	quoted := make([]string, len(args))
	for i, arg := range args {
		quoted[i] = quote(arg)
	}
	return strings.Join(quoted, " ")
}

func (s *shell) call(args []string) error {
	if body := s.funcs[args[0]]; body != nil {
		return s.callFunction(body, args[1:])
	}
	if builtin := s.builtins[args[0]]; builtin != nil {
		return builtin(s, args)
	}
	job := s.newJob(commandLine(args))
	if err := s.launch(job, args, s.exported(), s.files); err != nil {
		s.refused(args[0], err)
		return nil
	}
	return s.waitFor(job)
}

func (s *shell) callFunction(body *syntax.Stmt, args []string) error {
	if len(s.frames) >= deepest {
		s.errorf("functions call each other more than %d deep", deepest)
		s.status = failure
		return s.abort()
	}
	params := s.params
	s.params = args
	s.enter()
	err := s.stmt(body)
	s.leaveFunction()
	s.params = params
	if u, ok := err.(unwind); ok && u.kind == toReturn {
		return nil
	}
	return err
}

// refused reports that a command could not be started and sets the status that says so.
func (s *shell) refused(name string, err error) {
	switch {
	case errors.Is(err, errNotFound):
		s.errorf("%s: not found", name)
		s.status = notFound
	case errors.Is(err, fs.ErrNotExist):
		s.errorf("%s: %v", name, reason(err))
		s.status = notFound
	default:
		s.errorf("%s: %v", name, reason(err))
		s.status = notExecutable
	}
}

var errNotFound = errors.New("not found")

// lookPath finds the file a command's name stands for.
func (s *shell) lookPath(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, executable(name)
	}
	err := errNotFound
	for _, dir := range filepath.SplitList(s.text("PATH")) {
		if dir == "" {
			dir = "."
		}
		path := dir + "/" + name
		if _, missing := os.Stat(path); missing != nil { // or in a directory that we may not look into
			continue
		}
		if err = executable(path); err == nil {
			return path, nil
		}
	}
	return "", err
}

func executable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return unix.EISDIR
	}
	return unix.Access(path, unix.X_OK)
}

// launch starts a program as part of a job.
func (s *shell) launch(job *job, args, env []string, files map[int]*os.File) error {
	path, err := s.lookPath(args[0])
	if err != nil {
		return err
	}
	err = s.start(job, path, args, env, files)
	if errors.Is(err, unix.ENOEXEC) { // a script that doesn't say what reads it
		return s.start(job, self(), append([]string{"sh", path}, args[1:]...), env, files)
	}
	return err
}

// onlyStatement returns the statement that a script consists of, if it is one.
func onlyStatement(text, name string) *syntax.Stmt {
	file, err := newParser().Parse(strings.NewReader(text), name)
	if err != nil || len(file.Stmts) != 1 {
		return nil
	}
	return file.Stmts[0]
}

// canReplace reports whether `sh -c` may become the command that is all it has to run: with nothing to do after it, a
// process less is better, and signals to the shell reach the program.
func (s *shell) canReplace(stmt *syntax.Stmt) bool {
	call, ok := stmt.Cmd.(*syntax.CallExpr)
	return ok && len(call.Args) > 0 && !stmt.Background && !stmt.Negated && !s.interactive && s.plain(call) && pure(stmt) &&
		s.control == nil && !s.options.noExec
}

// replaceWith turns the process into a program. It returns only if that fails.
func (s *shell) replaceWith(stmt *syntax.Stmt) error {
	if _, err := s.redirect(stmt.Redirs); err != nil {
		return s.redirectFailed(err)
	}
	call := stmt.Cmd.(*syntax.CallExpr)
	args, err := s.fields(call.Args...)
	if err != nil {
		return err
	}
	env, err := s.environmentFor(call.Assigns)
	if err != nil {
		return err
	}
	s.trace(args)
	s.replace(args, env)
	return unwind{kind: toExit}
}

// replace executes a program in place of the shell; see execve(2). It returns only if that fails.
func (s *shell) replace(args, env []string) {
	path, err := s.lookPath(args[0])
	if err == nil {
		if err = s.install(); err == nil {
			err = unix.Exec(path, args, env)
			if errors.Is(err, unix.ENOEXEC) {
				err = unix.Exec(self(), append([]string{"sh", path}, args[1:]...), env)
			}
		}
	}
	s.refused(args[0], err)
}

// plain reports whether a command is certain to be a program, and expanding its words changes nothing in the shell.
func (s *shell) plain(call *syntax.CallExpr) bool {
	if len(call.Args) == 0 {
		return false
	}
	name := call.Args[0].Lit()
	if name == "" || s.funcs[name] != nil || s.builtins[name] != nil || s.aliases[name] != "" {
		return false
	}
	return pure(call)
}

// pure reports whether expanding words changes nothing in the shell, and starts nothing.
func pure(node syntax.Node) bool {
	pure := true
	syntax.Walk(node, func(node syntax.Node) bool {
		switch node := node.(type) {
		case *syntax.CmdSubst, *syntax.ProcSubst, *syntax.ArithmExp:
			pure = false
		case *syntax.ParamExp:
			if node.Exp != nil {
				pure = false
			}
		case *syntax.Assign:
			if node.Array != nil || node.Index != nil {
				pure = false
			}
		}
		return pure
	})
	return pure
}

// environmentFor is the environment with a command's assignments.
func (s *shell) environmentFor(assigns []*syntax.Assign) ([]string, error) {
	env := s.exported()
	for _, a := range assigns {
		value, err := s.literal(a.Value)
		if err != nil {
			return nil, err
		}
		if a.Append {
			value = s.text(a.Name.Value) + value
		}
		env = append(env, a.Name.Value+"="+value)
	}
	return lastOfEach(env), nil
}

// lastOfEach leaves out what a later assignment to the same name replaces.
func lastOfEach(env []string) []string {
	at := map[string]int{}
	var list []string
	for _, text := range env {
		name, _, _ := strings.Cut(text, "=")
		if i, ok := at[name]; ok {
			list[i] = text
			continue
		}
		at[name] = len(list)
		list = append(list, text)
	}
	return list
}
