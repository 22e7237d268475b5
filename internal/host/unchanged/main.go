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
	"os/signal"
	"path/filepath"
	"strings"
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
	runErr := runAndReap(cmd)

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

// runAndReap runs the command, and waits for the orphans that come to us meanwhile. Nobody else does, and a pid namespace ends only when the last
// process in it has been waited for (pid_namespaces(7)).
func runAndReap(cmd *exec.Cmd) error {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, unix.SIGCHLD)
	defer signal.Stop(ended)
	if err := cmd.Start(); err != nil {
		return err
	}
	result := make(chan error, 1)
	go func() { result <- cmd.Wait() }()
	for {
		select {
		case err := <-result:
			return err
		case <-ended:
			reap(cmd.Process.Pid)
		}
	}
}

// reap waits for those of our children that have ended, but for one.
func reap(but int) {
	lists, _ := filepath.Glob("/proc/self/task/*/children") // proc(5); the pattern is good
	for _, name := range lists {
		b, _ := os.ReadFile(name) // a thread may have ended
		for word := range strings.FieldsSeq(string(b)) {
			var pid int
			if _, err := fmt.Sscan(word, &pid); err == nil && pid != but {
				_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil) // it is ours; whether it has ended is the question
			}
		}
	}
}
