// Workbook is the learner's command: it shows where you are, checks your answers to the exercises and says what to do next.
// "go run ./workbook --help" has the list.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"stave/internal/script"
	"stave/workbook/grade"
)

func main() {
	grade.Main() // inside a sandbox that students' work is graded in, it doesn't come back
	// Checks run programs as root, or not as root, by these names; see script.ProgramsDir.
	switch filepath.Base(os.Args[0]) {
	case "as-root":
		script.AsRoot()
	case "as-user":
		script.AsUser()
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	err := command().ExecuteContext(ctx)
	stop()
	script.Clean()
	os.Exit(code(err))
}

// exit is an exit code without a message: what there is to say has been said.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// errUsage is wrapped, beside the words, by what is wrong with the command line.
var errUsage = errors.New("")

// code prints what is wrong, and is 0 for success, 1 for failure and 2 for a command line that isn't understood.
func code(err error) int {
	if err == nil {
		return 0
	}
	if e, ok := errors.AsType[exit](err); ok {
		return int(e)
	}
	if errors.Is(err, context.Canceled) { // the person knows who has interrupted it
		return 128 + int(syscall.SIGINT)
	}
	fmt.Fprintln(os.Stderr, "workbook:", err)
	if errors.Is(err, errUsage) {
		return 2
	}
	return 1
}

func command() *cobra.Command {
	c := &cobra.Command{
		Use:   "workbook",
		Short: "Learn how containers work, by building them",
		Long: `Learn how containers work, by building them. Without a command, this says where you are and what is next.

A step is named by its number, such as 01, and an exercise by its step's and its own, such as 01.2.`,
		Args:          usage(cobra.NoArgs),
		RunE:          overview,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	c.CompletionOptions.DisableDefaultCmd = true
	cobra.EnableCommandSorting = false // they are listed in the order in which one meets them
	c.SetFlagErrorFunc(misused)
	c.AddCommand(doctorCommand(), readCommand(), runCommand(), startCommand(), checkCommand(), watchCommand(), hintCommand(),
		solutionCommand(), resetCommand(), diffCommand(), progressCommand(), gradeCommand(), exercisesCommand(), bookCommand())
	c.InitDefaultHelpCmd()
	if help, _, err := c.Find([]string{"help"}); err == nil {
		help.Args = topic
	}
	return c
}

// topic is what help can be asked about. By itself cobra's help says that there is no such topic, and succeeds.
func topic(c *cobra.Command, args []string) error {
	found, rest, err := c.Root().Find(args)
	if err != nil {
		return err
	}
	return misused(found, cobra.NoArgs(found, rest))
}

// usage makes an argument that a command doesn't take one of its usage.
func usage(args cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, given []string) error { return misused(c, args(c, given)) }
}

// misused says where to read how a command is used.
func misused(c *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: see \"%s --help\"%w", err, c.CommandPath(), errUsage)
}
