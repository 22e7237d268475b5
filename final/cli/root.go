// Package cli is the stave command: it reads flags, prints, and decides nothing else. One file is one command.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"stave/final/engine"
	"stave/final/plan"
	"stave/final/runtime"
)

// The exit codes of Docker for what isn't the program's own doing.
const (
	exitFailure    = 125 // stave failed before the program could run
	exitNotRunable = 126 // the program is there and can't be executed
	exitNotFound   = 127 // the program isn't there
)

// An exit is the code of a program that ran. It is no failure of ours, so nothing is printed.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// Main runs the command in os.Args and returns its exit code.
func Main() int {
	unix.Umask(0o022) // what is made for a container must be readable in it, whatever the caller's umask
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go cancelAtSignal(cancel) // beside the rest, because the runtime takes its time for each of them
	err := command().ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var code exit
	if errors.As(err, &code) {
		return int(code)
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("interrupted: %w", err)
	}
	fmt.Fprintf(os.Stderr, "stave: %v\n", err)
	if hint := hint(err); hint != "" {
		fmt.Fprintf(os.Stderr, "       %s\n", hint)
	}
	return exitCode(err)
}

// cancelAtSignal cancels when somebody asks this program to stop, by a signal that it wasn't told to ignore (nohup(1)).
func cancelAtSignal(cancel func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, slices.DeleteFunc([]os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP}, signal.Ignored)...)
	<-signals
	cancel()
}

// exitCode tells a program that can't be run from every other failure.
func exitCode(err error) int {
	var failed *plan.Error
	if !errors.As(err, &failed) || failed.Call.Name != "execve" {
		return exitFailure
	}
	if failed.Errno == unix.ENOENT || failed.Errno == unix.ENOTDIR {
		return exitNotFound
	}
	return exitNotRunable
}

// hint is a way out of a failure whose error says only what the kernel said.
func hint(err error) string {
	var failed *plan.Error
	if !errors.As(err, &failed) {
		return ""
	}
	name := failed.Call.Name
	switch {
	case failed.Call.Clones() && failed.Errno == unix.ENOSYS:
		return "this is inside of a container whose seccomp filter knows no clone3(2): start that one with --privileged, or work outside of it"
	case failed.Call.Clones() && (failed.Errno == unix.EPERM || failed.Errno == unix.ENOSPC), failed.Op.Step == "08-user" && failed.Op.Actor == plan.Parent:
		return `this machine may not allow user namespaces: "stave doctor" says why and how to change it; as root it works without them`
	case name == "execve" && failed.Errno == unix.ENOEXEC:
		return "the program is for another kind of machine, or a script without a first line such as #!/bin/sh"
	case name == "execve" && failed.Errno == unix.ENOENT:
		return "look for it with: stave run IMAGE ls /bin  (a script's interpreter must be there too)"
	case name == "move_mount" && failed.Errno == unix.EINVAL:
		return "a file can't be mounted on a directory, nor a directory on a file: is the destination the same kind of thing as the source?"
	case failed.Op.Step == "05-overlay":
		return `overlayfs can't use this directory: name one on another filesystem with --root; "stave doctor" says more`
	}
	return ""
}

// root is the global flag.
type root struct{ dir string }

func (r *root) open() (*engine.Engine, error) {
	if r.dir == "" {
		dir, err := engine.DefaultRoot()
		if err != nil {
			return nil, err
		}
		r.dir = dir
	}
	return engine.Open(r.dir)
}

func command() *cobra.Command {
	r := &root{}
	version := false
	c := &cobra.Command{
		Use:   "stave",
		Short: "Run containers, and see how they are made",
		Long: `stave runs containers. A container is a list of system calls; "stave run --explain" shows the list.

It needs no daemon and no root: an ordinary user gets a user namespace.`,
		Example: `  stave run toolbox                       a shell in a container, nothing to download
  stave run toolbox ps                    its process list
  stave run --explain toolbox true        the list of system calls that makes one
  stave doctor                            what this machine can do`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().Changed("root") && r.dir == "" {
				return errors.New("--root is empty: name a directory, or leave it out for the default")
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			if !version {
				return c.Help()
			}
			number, commit := runtime.Version() // which takes a moment
			_, err := fmt.Fprintf(c.OutOrStdout(), "stave version %s, commit %s\n", number, commit)
			return err
		},
	}
	c.Flags().BoolVarP(&version, "version", "v", false, "version for stave")
	c.PersistentFlags().StringVar(&r.dir, "root", os.Getenv("STAVE_ROOT"), "`directory` for images and containers (default: /var/lib/stave, or for an ordinary user ~/.local/share/stave)")
	c.CompletionOptions.HiddenDefaultCmd = true
	c.SetFlagErrorFunc(misused)
	c.AddCommand(runCommand(r), pullCommand(r), imagesCommand(r), removeImageCommand(r), loadCommand(r), doctorCommand(r))
	c.AddCommand(hiddenCommands(r)...)
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
	return cobra.NoArgs(found, rest)
}

// misused says what a flag takes, where pflag says what strconv does.
func misused(_ *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	wanted := "a number"
	if invalid.GetFlag().Value.Type() == "bool" {
		wanted = "true or false"
	}
	return fmt.Errorf("--%s %q: give %s", invalid.GetFlag().Name, invalid.GetValue(), wanted)
}
