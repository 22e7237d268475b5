package sh

import (
	"fmt"
	"regexp"
	"time"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/syntax"
)

// deepest is how many functions may be under way. Go would let a runaway recursion eat a gigabyte first.
const deepest = 1000

func (s *shell) stmts(stmts []*syntax.Stmt) error {
	for _, stmt := range stmts {
		if err := s.stmt(stmt); err != nil {
			return err
		}
	}
	return nil
}

// stmt runs one statement. What it returns, if anything, is an unwind.
func (s *shell) stmt(stmt *syntax.Stmt) error {
	if err := s.checkpoint(); err != nil {
		return err
	}
	if s.options.noExec && !s.interactive {
		return nil
	}
	if stmt.Coprocess || stmt.Disown {
		return s.missing("|&, &| and &!")
	}
	if stmt.Background {
		return s.background(stmt)
	}
	err := s.foreground(stmt)
	if err != nil {
		return err
	}
	if stmt.Negated {
		s.status = statusOf(s.status != success)
		return nil
	}
	if s.status != success && s.options.errExit && s.tested == 0 && !isList(stmt.Cmd) {
		return unwind{kind: toExit}
	}
	return s.checkpoint()
}

// isList reports whether set -e leaves the command alone: of && and || it is the last part that counts.
func isList(cmd syntax.Command) bool {
	binary, ok := cmd.(*syntax.BinaryCmd)
	return ok && (binary.Op == syntax.AndStmt || binary.Op == syntax.OrStmt)
}

func (s *shell) foreground(stmt *syntax.Stmt) error {
	if stmt.Negated {
		s.tested++
		defer func() { s.tested-- }()
	}
	if len(stmt.Redirs) == 0 {
		return s.command(stmt.Cmd)
	}
	undo, err := s.redirect(stmt.Redirs)
	if err != nil {
		err = s.redirectFailed(err) // which goes where the redirections so far say
		undo()
		return err
	}
	s.keepFiles = false
	if stmt.Cmd == nil {
		s.status = success
	} else {
		err = s.command(stmt.Cmd)
	}
	if s.keepFiles {
		s.keepFiles = false
		return err
	}
	undo()
	return err
}

func statusOf(ok bool) int {
	if ok {
		return success
	}
	return failure
}

func (s *shell) missing(what string) error {
	s.errorf("%s: not in this shell", what)
	s.status = misuse
	return s.abort()
}

func (s *shell) command(cmd syntax.Command) error {
	switch cmd := cmd.(type) {
	case nil:
		s.status = success
		return nil
	case *syntax.CallExpr:
		return s.simple(cmd)
	case *syntax.BinaryCmd:
		return s.binary(cmd)
	case *syntax.Block:
		return s.stmts(cmd.Stmts)
	case *syntax.Subshell:
		return s.within(func(c *shell) error { return c.stmts(cmd.Stmts) })
	case *syntax.IfClause:
		return s.ifClause(cmd)
	case *syntax.WhileClause:
		return s.whileClause(cmd)
	case *syntax.ForClause:
		return s.forClause(cmd)
	case *syntax.CaseClause:
		return s.caseClause(cmd)
	case *syntax.FuncDecl:
		return s.define(cmd)
	case *syntax.DeclClause:
		return s.declare(cmd)
	case *syntax.TestClause:
		return s.testClause(cmd)
	case *syntax.ArithmCmd:
		return s.arithmeticStatus(cmd.X)
	case *syntax.LetClause:
		for _, expr := range cmd.Exprs {
			if err := s.arithmeticStatus(expr); err != nil {
				return err
			}
		}
		return nil
	case *syntax.TimeClause:
		return s.time(cmd)
	}
	return s.missing(fmt.Sprintf("%T", cmd)[len("*syntax."):])
}

func (s *shell) define(decl *syntax.FuncDecl) error {
	if decl.Name == nil {
		return s.missing("a function without a name")
	}
	s.funcs[decl.Name.Value] = decl.Body
	s.status = success
	return nil
}

// arithmeticStatus is that of (( )): success if the value isn't 0.
func (s *shell) arithmeticStatus(expr syntax.ArithmExpr) error {
	n, err := s.arithmetic(expr)
	if err != nil {
		return err
	}
	s.status = statusOf(n != 0)
	return nil
}

func (s *shell) binary(cmd *syntax.BinaryCmd) error {
	if cmd.Op == syntax.Pipe || cmd.Op == syntax.PipeAll {
		return s.pipeline(cmd)
	}
	s.tested++
	err := s.stmt(cmd.X)
	s.tested--
	if err != nil || (s.status == success) != (cmd.Op == syntax.AndStmt) {
		return err
	}
	return s.stmt(cmd.Y)
}

// condition runs statements whose failure is an answer.
func (s *shell) condition(stmts []*syntax.Stmt) (bool, error) {
	s.tested++
	err := s.stmts(stmts)
	s.tested--
	return s.status == success, err
}

func (s *shell) ifClause(cmd *syntax.IfClause) error {
	for clause := cmd; clause != nil; clause = clause.Else {
		ok := true
		if len(clause.Cond) > 0 { // else has none
			var err error
			if ok, err = s.condition(clause.Cond); err != nil {
				return err
			}
		}
		if ok {
			return s.stmts(clause.Then)
		}
	}
	s.status = success
	return nil
}

func (s *shell) whileClause(cmd *syntax.WhileClause) error {
	status := success
	for {
		ok, err := s.condition(cmd.Cond)
		if err != nil {
			return err
		}
		if ok == cmd.Until {
			s.status = status
			return nil
		}
		if over, err := s.turn(cmd.Do); over || err != nil {
			return err
		}
		status = s.status
	}
}

func (s *shell) forClause(cmd *syntax.ForClause) error {
	if cmd.Select {
		return s.missing("select")
	}
	if loop, ok := cmd.Loop.(*syntax.CStyleLoop); ok {
		return s.countingLoop(loop, cmd.Do)
	}
	loop := cmd.Loop.(*syntax.WordIter)
	items := s.params
	if loop.InPos.IsValid() {
		var err error
		if items, err = s.fields(loop.Items...); err != nil {
			return err
		}
	}
	s.status = success
	for _, item := range items {
		if err := s.assign(loop.Name.Value, item); err != nil {
			return s.expanded(err)
		}
		if over, err := s.turn(cmd.Do); over || err != nil {
			return err
		}
	}
	return nil
}

func (s *shell) countingLoop(loop *syntax.CStyleLoop, body []*syntax.Stmt) error {
	if _, err := s.arithmetic(loop.Init); err != nil {
		return err
	}
	s.status = success
	for {
		if loop.Cond != nil {
			n, err := s.arithmetic(loop.Cond)
			if err != nil || n == 0 {
				return err
			}
		}
		if over, err := s.turn(body); over || err != nil {
			return err
		}
		if _, err := s.arithmetic(loop.Post); err != nil {
			return err
		}
	}
}

// turn runs a loop's body once. over says that break ended the loop.
func (s *shell) turn(body []*syntax.Stmt) (over bool, err error) {
	s.loops++
	err = s.stmts(body)
	s.loops--
	return s.turned(err)
}

// turned says what break and continue mean for the loop they come to.
func (s *shell) turned(err error) (over bool, _ error) {
	u, ok := err.(unwind)
	if !ok || u.kind != toBreak && u.kind != toContinue {
		return false, err
	}
	if u.levels > 1 {
		u.levels--
		return false, u
	}
	return u.kind == toBreak, nil
}

func (s *shell) caseClause(cmd *syntax.CaseClause) error {
	text, err := s.literal(cmd.Word)
	if err != nil {
		return err
	}
	s.status = success
	through := false // the item before ended with ;&
	for _, item := range cmd.Items {
		matched := through
		for _, word := range item.Patterns {
			if matched {
				break
			}
			if matched, err = s.matches(text, word); err != nil {
				return err
			}
		}
		if !matched {
			continue
		}
		if err := s.stmts(item.Stmts); err != nil {
			return err
		}
		switch item.Op {
		case syntax.Fallthrough:
			through = true
		case syntax.Resume, syntax.ResumeKorn:
			through = false
		default:
			return nil
		}
	}
	return nil
}

func matchesRegexp(expression, text string) (bool, error) {
	compiled, err := regexp.Compile(expression)
	if err != nil {
		return false, err
	}
	return compiled.MatchString(text), nil
}

func (s *shell) time(cmd *syntax.TimeClause) error {
	start := time.Now()
	user, system := cpuTimes()
	var err error
	if cmd.Stmt != nil {
		err = s.stmt(cmd.Stmt)
	}
	userAfter, systemAfter := cpuTimes()
	fmt.Fprintf(s.file(2), "\nreal\t%s\nuser\t%s\nsys\t%s\n",
		minutes(time.Since(start)), minutes(userAfter-user), minutes(systemAfter-system))
	return err
}

// cpuTimes returns what this process and its children that have been waited for have used.
func cpuTimes() (user, system time.Duration) {
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var usage unix.Rusage
		if unix.Getrusage(who, &usage) == nil {
			user += time.Duration(usage.Utime.Nano())
			system += time.Duration(usage.Stime.Nano())
		}
	}
	return user, system
}

func minutes(d time.Duration) string {
	return fmt.Sprintf("%dm%.3fs", int(d.Minutes()), (d % time.Minute).Seconds())
}
