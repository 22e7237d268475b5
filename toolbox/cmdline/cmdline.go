// Package cmdline reads the arguments of one toolbox command and words its complaints, so that all commands take
// options the way getopt(3) does (-la, -n5, -n 5, --lines=5, -- ends them) and fail in the same form:
//
//	cat: /no/such/file: no such file or directory
package cmdline

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/pflag"
)

// Exit statuses all commands share.
const (
	Success = 0
	Failure = 1 // it was understood, and could not be done
	Misuse  = 2 // it was not understood
)

// A Line is the command line of one command.
type Line struct {
	*pflag.FlagSet
	synopsis string

	Stdout, Stderr io.Writer // os.Stdout and os.Stderr, if not set otherwise
}

// New returns the command line of the command that the synopsis, such as "cat [-n] [FILE…]", starts with.
func New(synopsis string) *Line {
	name, _, _ := strings.Cut(synopsis, " ")
	flags := pflag.NewFlagSet(name, pflag.ContinueOnError)
	flags.Usage = func() {} // Read prints it, to the right place
	flags.SortFlags = false
	return &Line{FlagSet: flags, synopsis: synopsis, Stdout: os.Stdout, Stderr: os.Stderr}
}

// OperandsFirst ends the options at the first operand, for commands whose operands are another command with options
// of its own: env, timeout, chroot.
func (l *Line) OperandsFirst() *Line {
	l.SetInterspersed(false)
	return l
}

// Read takes args[1:] apart. When it returns false the command is over, with the given exit status: --help was
// asked for, or the arguments are wrong and that has been said.
func (l *Line) Read(args []string) (status int, ok bool) {
	err := l.Parse(args[1:])
	if err == nil {
		return Success, true
	}
	if errors.Is(err, pflag.ErrHelp) {
		fmt.Fprintf(l.Stdout, "usage: %s\n%s", l.synopsis, l.FlagUsages())
		return Success, false
	}
	return l.Misuse("%v", err), false
}

// Misuse says what is wrong with the arguments and how they should look.
func (l *Line) Misuse(format string, args ...any) int {
	fmt.Fprintf(l.Stderr, "%s: %s\nusage: %s\n", l.Name(), fmt.Sprintf(format, args...), l.synopsis)
	return Misuse
}

// Fail says what could not be done.
func (l *Line) Fail(err error) int {
	fmt.Fprintf(l.Stderr, "%s: %s\n", l.Name(), Text(err))
	return Failure
}

// Failf is Fail with the words put together here.
func (l *Line) Failf(format string, args ...any) int {
	return l.Fail(fmt.Errorf(format, args...))
}

// Text words an error as Unix commands do: the object and the reason, without the name of the system call.
func Text(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) && error(path) == err {
		return fmt.Sprintf("%s: %v", path.Path, path.Err)
	}
	var link *os.LinkError
	if errors.As(err, &link) && error(link) == err {
		return fmt.Sprintf("%s to %s: %v", link.Old, link.New, link.Err)
	}
	var call *os.SyscallError
	if errors.As(err, &call) && error(call) == err {
		return call.Err.Error()
	}
	return err.Error()
}

// Files calls do with each of the named files opened for reading, or with standard input for "-" and when there are
// none. A file that fails is reported and the others are still done, as cat(1) and its kin behave.
func (l *Line) Files(names []string, do func(name string, file *os.File) error) int {
	if len(names) == 0 {
		names = []string{"-"}
	}
	status := Success
	for _, name := range names {
		if err := withFile(name, do); err != nil {
			status = l.Fail(err)
		}
	}
	return status
}

func withFile(name string, do func(string, *os.File) error) error {
	if name == "-" {
		return do(name, os.Stdin)
	}
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	return do(name, file)
}

// NumberOption puts the letter into a first argument such as -5, which head and tail understand as -n 5.
func NumberOption(args []string, letter byte) []string {
	if len(args) < 2 || len(args[1]) < 2 || args[1][0] != '-' || strings.Trim(args[1][1:], "0123456789") != "" {
		return args
	}
	fixed := append([]string{}, args...)
	fixed[1] = "-" + string(letter) + args[1][1:]
	return fixed
}

// Title prints the line that head and tail put above each of several files.
func Title(name string, first bool) {
	if name == "-" {
		name = "standard input"
	}
	if !first {
		fmt.Println()
	}
	fmt.Printf("==> %s <==\n", name)
}
