package sh

import (
	"errors"
	"fmt"
	"io"
	"os"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/pattern"
	"mvdan.cc/sh/v3/syntax"
)

// config is how words are expanded now.
func (s *shell) config() *expand.Config {
	cfg := &expand.Config{
		Env:      variables{s},
		CmdSubst: s.substitute,
		NoUnset:  s.options.noUnset,
		ProcSubst: func(*syntax.ProcSubst) (string, error) {
			return "", errors.New("<( ) and >( ) are not in this shell: use a pipe, or a file")
		},
	}
	if !s.options.noGlob {
		cfg.ReadDir2 = os.ReadDir
	}
	return cfg
}

// fields expands words into arguments.
func (s *shell) fields(words ...*syntax.Word) ([]string, error) {
	fields, err := expand.Fields(s.config(), words...)
	return fields, s.expanded(err)
}

// literal expands a word into a single text, as for an assignment.
func (s *shell) literal(word *syntax.Word) (string, error) {
	if word == nil {
		return "", nil
	}
	text, err := expand.Literal(s.config(), word)
	return text, s.expanded(err)
}

func (s *shell) arithmetic(expr syntax.ArithmExpr) (int, error) {
	if expr == nil {
		return 0, nil
	}
	n, err := expand.Arithm(s.config(), expr)
	return n, s.expanded(err)
}

// expanded reports an error of an expansion and says how far it unwinds; see "Consequences of Shell Errors" in POSIX,
// Shell Command Language, 2.8.1.
func (s *shell) expanded(err error) error {
	if err == nil {
		return nil
	}
	var u unwind
	if errors.As(err, &u) { // from within $( )
		return u
	}
	s.errorf("%v", err)
	s.status = failure
	return s.abort()
}

// matches reports whether text matches a word that is a pattern.
func (s *shell) matches(text string, word *syntax.Word) (bool, error) {
	glob, err := expand.Pattern(s.config(), word)
	if err != nil {
		return false, s.expanded(err)
	}
	expression, err := pattern.Regexp(glob, pattern.EntireString)
	if err != nil {
		return text == glob, nil // it stands for itself then
	}
	return matchesRegexp(expression, text)
}

// substitute runs a command substitution in a copy of the shell and writes what it prints.
func (s *shell) substitute(out io.Writer, node *syntax.CmdSubst) error {
	if file := onlyInput(node.Stmts); file != nil { // $(<file)
		name, err := s.literal(file)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, reason(err))
		}
		_, err = out.Write(content)
		return err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	copied := make(chan error, 1)
	go func() {
		_, err := io.Copy(out, read)
		copied <- err
	}()
	status := s.status
	err = s.within(func(c *shell) error {
		c.files[1] = write
		return c.stmts(node.Stmts)
	})
	s.substituted = s.status
	if err == nil {
		s.status = status
	}
	write.Close()
	// A process it left behind may still have the pipe: whoever wants that redirects its output.
	copyErr := <-copied
	read.Close()
	if err != nil {
		return err
	}
	return copyErr
}

func onlyInput(stmts []*syntax.Stmt) *syntax.Word {
	if len(stmts) != 1 || stmts[0].Cmd != nil || len(stmts[0].Redirs) != 1 || stmts[0].Redirs[0].Op != syntax.RdrIn {
		return nil
	}
	return stmts[0].Redirs[0].Word
}
