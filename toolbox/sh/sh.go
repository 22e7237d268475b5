// Package sh is the toolbox's shell.
package sh

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// Main runs the shell and returns its exit status.
func Main(args []string) int {
	flags := flag.NewFlagSet("sh", flag.ContinueOnError)
	command := flags.String("c", "", "run `COMMAND`")
	if err := flags.Parse(args[1:]); err != nil {
		return 2
	}
	r, err := interp.New(interp.Interactive(true), interp.StdIO(os.Stdin, os.Stdout, os.Stderr))
	if err == nil {
		switch {
		case *command != "":
			if flags.NArg() > 1 {
				interp.Params(append([]string{"--"}, flags.Args()[1:]...)...)(r)
			}
			err = run(r, strings.NewReader(*command), "sh")
		case flags.NArg() > 0:
			var f *os.File
			if f, err = os.Open(flags.Arg(0)); err == nil {
				interp.Params(append([]string{"--"}, flags.Args()[1:]...)...)(r)
				err = run(r, f, flags.Arg(0))
			}
		case term.IsTerminal(0):
			err = interactive(r)
		default:
			err = run(r, os.Stdin, "sh")
		}
	}
	var status interp.ExitStatus
	if errors.As(err, &status) {
		return int(status)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sh:", err)
		return 1
	}
	return 0
}

func run(r *interp.Runner, in io.Reader, name string) error {
	file, err := syntax.NewParser().Parse(in, name)
	if err != nil {
		return err
	}
	return r.Run(context.Background(), file)
}

func interactive(r *interp.Runner) error {
	parser := syntax.NewParser()
	fmt.Print("$ ")
	for stmts, err := range parser.InteractiveSeq(os.Stdin) {
		if err != nil {
			return err
		}
		if parser.Incomplete() {
			fmt.Print("> ")
			continue
		}
		for _, stmt := range stmts {
			err := r.Run(context.Background(), stmt)
			if r.Exited() {
				return err
			}
		}
		fmt.Print("$ ")
	}
	return nil
}
