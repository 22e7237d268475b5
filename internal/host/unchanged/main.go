// Unchanged runs a command and fails if the machine is not as it was before: mounts, cgroups, network links, namespaces,
// processes the command has started, and whatever is below the directories given.
//
// Synopsis:
//
//	unchanged [-patience TIME] [-dir DIR]... COMMAND [ARG...]
//
// The exit code is the command's own if that is not 0, and 1 if it has changed something.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"stave/internal/host"
)

func main() {
	var dirs []string
	flag.Func("dir", "a `directory` that must stay as it is, too; may be repeated", func(dir string) error {
		dirs = append(dirs, dir)
		return nil
	})
	patience := flag.Duration("patience", host.Slow(host.Patience), "how `long` what the command held may take to go")
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	code, err := run(dirs, *patience, flag.Args())
	if err != nil {
		fmt.Fprintf(os.Stderr, "unchanged: %v\n", err)
	}
	os.Exit(code)
}

func run(dirs []string, patience time.Duration, command []string) (int, error) {
	// What the command has started stays below us, even if its parents end; prctl(2).
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return 1, fmt.Errorf("becoming a subreaper: %w", err)
	}
	before, err := host.Take(host.Descendants, dirs...)
	if err != nil {
		return 1, fmt.Errorf("looking at the machine before %s: %w", command[0], err)
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	runErr := cmd.Run()

	changes := before.Changes(patience, host.Descendants, dirs...)
	for _, change := range changes {
		fmt.Fprintf(os.Stderr, "unchanged: %s\n", change)
	}
	var exit *exec.ExitError
	switch {
	case errors.As(runErr, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode(), nil
	case runErr != nil:
		return 1, runErr
	case len(changes) > 0:
		return 1, fmt.Errorf("%s has left %d changes on this machine", command[0], len(changes))
	}
	return 0, nil
}
