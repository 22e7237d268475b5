package sh

import (
	"fmt"
	"maps"
	"os"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// stage is a part of a pipeline.
type stage struct {
	stmt *syntax.Stmt
	both bool // |& sends standard error along
}

// stages takes a pipeline apart. It is parsed as ((a | b) | c).
func stages(stmt *syntax.Stmt, both bool) []stage {
	pipe, ok := stmt.Cmd.(*syntax.BinaryCmd)
	if !ok || pipe.Op != syntax.Pipe && pipe.Op != syntax.PipeAll || stmt.Negated || len(stmt.Redirs) > 0 {
		return []stage{{stmt, both}}
	}
	return append(stages(pipe.X, pipe.Op == syntax.PipeAll), stages(pipe.Y, both)...)
}

func (s *shell) pipeline(cmd *syntax.BinaryCmd) error {
	whole := &syntax.Stmt{Cmd: cmd}
	job := s.newJob(source(whole))
	if err := s.connect(job, stages(whole, false)); err != nil {
		s.errorf("%v", err)
		s.status = failure
	}
	return s.waitFor(job)
}

// background starts a statement as a job of its own and doesn't wait for it.
func (s *shell) background(stmt *syntax.Stmt) error {
	alone := *stmt
	alone.Background = false
	job := s.newJob(source(&alone))
	job.background = true
	files := s.files
	if s.control == nil { // it must not take away what the shell is to read; see POSIX, 2.9.3.1
		null, err := openPlain("/dev/null", os.O_RDONLY)
		if err == nil {
			defer null.Close()
			s.files = maps.Clone(files)
			s.files[0] = null
		}
	}
	err := s.connect(job, stages(&alone, false))
	s.files = files
	if err != nil {
		s.errorf("%v", err)
		s.status = failure
		return nil
	}
	s.status = success
	if len(job.processes) == 0 { // it could not be started, and that has been said
		return nil
	}
	s.last = job.processes[len(job.processes)-1].pid
	s.list(job)
	if s.interactive && !s.copied {
		fmt.Fprintf(s.file(2), "[%d] %d\n", job.number, s.last)
	}
	return nil
}

// connect starts the parts of a pipeline with pipes between them.
func (s *shell) connect(job *job, stages []stage) error {
	defer s.children.hold()()
	files := s.files
	defer func() { s.files = files }()
	var previous *os.File
	for i, stage := range stages {
		s.files = maps.Clone(files)
		var read, write *os.File
		if previous != nil {
			s.files[0] = previous
		}
		if i < len(stages)-1 {
			var err error
			if read, write, err = os.Pipe(); err != nil {
				return err
			}
			s.files[1] = write
			if stage.both {
				s.files[2] = write
			}
		}
		err := s.startStage(job, stage.stmt)
		// Only those that use them may have them open, or nobody would see the end.
		if previous != nil {
			previous.Close()
		}
		if write != nil {
			write.Close()
		}
		if err != nil {
			if read != nil {
				read.Close()
			}
			return err
		}
		previous = read
	}
	return nil
}

// startStage starts one part: a program as it is, anything else in a shell of its own. So is what has redirections:
// opening a file can wait, as for the other end of a pipe, and this shell must not. That shell becomes the program.
func (s *shell) startStage(job *job, stmt *syntax.Stmt) error {
	call, ok := stmt.Cmd.(*syntax.CallExpr)
	if !ok || stmt.Negated || len(stmt.Redirs) > 0 || !s.plain(call) {
		return s.startShell(job, stmt)
	}
	return s.startProgram(job, call)
}

func (s *shell) startProgram(job *job, call *syntax.CallExpr) error {
	args, err := s.fields(call.Args...)
	if err != nil {
		return err
	}
	env, err := s.environmentFor(call.Assigns)
	if err != nil {
		return err
	}
	s.trace(args)
	if err := s.launch(job, args, env, s.files); err != nil {
		status := s.status
		s.refused(args[0], err)
		job.failed, s.status = s.status, status
	}
	return nil
}

// source returns a statement as text.
func source(stmt *syntax.Stmt) string {
	var text strings.Builder
	if err := syntax.NewPrinter(syntax.SingleLine(true)).Print(&text, stmt); err != nil {
		return "?"
	}
	return strings.TrimSpace(text.String())
}
