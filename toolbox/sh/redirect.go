package sh

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// redirect applies redirections, in their order. undo takes them back, also those before one that failed.
func (s *shell) redirect(redirs []*syntax.Redirect) (undo func(), err error) {
	before := s.files
	s.files = maps.Clone(before)
	var opened []*os.File
	undo = func() {
		s.files = before
		for _, file := range opened {
			file.Close()
		}
	}
	for _, r := range redirs {
		file, err := s.redirectOne(r)
		if file != nil {
			opened = append(opened, file)
		}
		if err != nil {
			return undo, err
		}
	}
	return undo, nil
}

func (s *shell) redirectFailed(err error) error {
	if u, ok := err.(unwind); ok {
		return u
	}
	s.errorf("%v", err)
	s.status = failure
	if s.options.errExit && s.tested == 0 {
		return unwind{kind: toExit}
	}
	return nil
}

// redirectOne applies one redirection and returns the file it opened, if any.
func (s *shell) redirectOne(r *syntax.Redirect) (*os.File, error) {
	fd := 1
	switch r.Op {
	case syntax.RdrIn, syntax.RdrInOut, syntax.DplIn, syntax.Hdoc, syntax.DashHdoc, syntax.WordHdoc:
		fd = 0
	}
	if r.N != nil {
		n, err := strconv.Atoi(r.N.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: not a file descriptor", r.N.Value)
		}
		fd = n
	}
	switch r.Op {
	case syntax.Hdoc, syntax.DashHdoc, syntax.WordHdoc:
		text, err := s.document(r)
		if err != nil {
			return nil, err
		}
		file, err := inMemory("here-document", text)
		if err == nil {
			s.files[fd] = file
		}
		return file, err
	}
	name, err := s.literal(r.Word)
	if err != nil {
		return nil, err
	}
	switch r.Op {
	case syntax.DplIn, syntax.DplOut:
		if both := r.Op == syntax.DplOut && r.N == nil && name != "-" && strings.Trim(name, "0123456789") != ""; both {
			return s.openBoth(name, os.O_TRUNC)
		}
		return nil, s.duplicate(fd, name)
	case syntax.RdrAll:
		return s.openBoth(name, os.O_TRUNC)
	case syntax.AppAll:
		return s.openBoth(name, os.O_APPEND)
	}
	flags, ok := map[syntax.RedirOperator]int{
		syntax.RdrIn:    os.O_RDONLY,
		syntax.RdrInOut: os.O_RDWR | os.O_CREATE,
		syntax.RdrOut:   os.O_WRONLY | os.O_CREATE | os.O_TRUNC,
		syntax.RdrClob:  os.O_WRONLY | os.O_CREATE | os.O_TRUNC,
		syntax.AppOut:   os.O_WRONLY | os.O_CREATE | os.O_APPEND,
	}[r.Op]
	if !ok {
		return nil, fmt.Errorf("%s: not in this shell", r.Op)
	}
	if info, err := os.Stat(name); r.Op == syntax.RdrOut && s.options.noClobber && err == nil && info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w (>| overwrites it)", name, fs.ErrExist)
	}
	file, err := s.open(name, flags)
	if err == nil {
		s.files[fd] = file
	}
	return file, err
}

func (s *shell) openBoth(name string, how int) (*os.File, error) {
	file, err := s.open(name, os.O_WRONLY|os.O_CREATE|how)
	if err == nil {
		s.files[1], s.files[2] = file, file
	}
	return file, err
}

// open opens a file for a redirection. For a pipe that means to wait for the other end, and meanwhile Ctrl-C has to be
// heeded.
func (s *shell) open(name string, flags int) (*os.File, error) {
	if info, err := os.Stat(name); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		return openPlain(name, flags)
	}
	opened, abandoned := make(chan *os.File), make(chan struct{})
	failed := make(chan error, 1)
	go func() { // ends when the pipe has another end, or with the process
		file, err := openPlain(name, flags)
		if err != nil {
			failed <- err
			return
		}
		select {
		case opened <- file:
		case <-abandoned:
			file.Close()
		}
	}()
	defer close(abandoned)
	for {
		select {
		case file := <-opened:
			return file, nil
		case err := <-failed:
			return nil, err
		case sig := <-s.signals.arrived:
			s.signals.note(sig)
			if err := s.checkpoint(); err != nil {
				return nil, err
			}
		}
	}
}

// openPlain opens a file the way a C program does. os.OpenFile would have the runtime's poller look after pipes, and
// set them to non-blocking for all who share them.
func openPlain(name string, flags int) (*os.File, error) {
	for {
		fd, err := unix.Open(name, flags|unix.O_CLOEXEC, 0o666)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return os.NewFile(uintptr(fd), name), nil
	}
}

// duplicate makes fd stand for the same as another, or for nothing.
func (s *shell) duplicate(fd int, name string) error {
	if name == "-" {
		delete(s.files, fd)
		return nil
	}
	n, err := strconv.Atoi(name)
	if err != nil || s.files[n] == nil {
		return fmt.Errorf("%s: bad file descriptor", name)
	}
	s.files[fd] = s.files[n]
	return nil
}

// document returns the text of a here-document, or of the word after <<<.
func (s *shell) document(r *syntax.Redirect) (string, error) {
	if r.Op == syntax.WordHdoc {
		text, err := s.literal(r.Word)
		return text + "\n", err
	}
	if r.Hdoc == nil {
		return "", nil
	}
	if r.Op == syntax.DashHdoc {
		untab(r.Hdoc)
	}
	if quoted(r.Word) { // nothing in it is expanded
		var text strings.Builder
		for _, part := range r.Hdoc.Parts {
			if lit, ok := part.(*syntax.Lit); ok {
				text.WriteString(lit.Value)
			}
		}
		return text.String(), nil
	}
	text, err := expand.Document(s.config(), r.Hdoc)
	return text, s.expanded(err)
}

// untab takes the tabs away that <<- allows at the start of lines.
func untab(body *syntax.Word) {
	start := true
	for _, part := range body.Parts {
		lit, ok := part.(*syntax.Lit)
		if !ok {
			start = false
			continue
		}
		lines := strings.SplitAfter(lit.Value, "\n")
		for i := range lines {
			if i > 0 || start {
				lines[i] = strings.TrimLeft(lines[i], "\t")
			}
		}
		lit.Value = strings.Join(lines, "")
		start = strings.HasSuffix(lit.Value, "\n")
	}
}

func quoted(word *syntax.Word) bool {
	for _, part := range word.Parts {
		switch part := part.(type) {
		case *syntax.SglQuoted, *syntax.DblQuoted:
			return true
		case *syntax.Lit:
			if strings.Contains(part.Value, `\`) {
				return true
			}
		}
	}
	return false
}

// inMemory returns a file with the given content that has no name; see memfd_create(2).
func inMemory(name, content string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	file := os.NewFile(uintptr(fd), name)
	if _, err := file.WriteString(content); err != nil {
		file.Close()
		return nil, err
	}
	if _, err := file.Seek(0, 0); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// install makes the process's own descriptors what the shell has them stand for, for exec. The copies come first, as a
// descriptor that is replaced may be wanted elsewhere.
func (s *shell) install() error {
	copies := map[int]int{}
	for fd, file := range s.files {
		duplicate, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 100)
		if err != nil {
			return err
		}
		copies[fd] = duplicate
	}
	for fd := range 3 {
		if s.files[fd] == nil {
			unix.Close(fd)
		}
	}
	for fd, duplicate := range copies {
		if err := unix.Dup3(duplicate, fd, 0); err != nil {
			return err
		}
	}
	return nil
}
