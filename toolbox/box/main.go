// The toolbox binary: every command of the root filesystem in one static program, which looks at the name it was
// called by.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

func main() {
	if os.Getpid() == 1 {
		surviveSignals()
	}
	os.Exit(run(os.Args))
}

// surviveSignals gives process 1 of a container what the kernel gives it in any other language: a signal it has no
// handler for does nothing (see pid_namespaces(7)). The Go runtime has handlers for all of them, and ends the program.
// Commands that handle a signal still do, and programs started from here have the default actions again.
func surviveSignals() {
	nobodyReads := make(chan os.Signal, 1)
	signal.Notify(nobodyReads, unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2,
		unix.SIGALRM, unix.SIGPIPE)
}

// run finds the command by the name it was called by, or by the first argument: `toolbox ls -l` is `ls -l`.
func run(args []string) int {
	name := strings.TrimPrefix(filepath.Base(args[0]), "-") // login(1) calls a shell "-sh"
	if name == "toolbox" && len(args) > 1 {
		args = args[1:]
		name = args[0]
	}
	main, ok := commands[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "toolbox: %s: not one of its commands, which are the links in /bin\n", name)
		return 127
	}
	return main(args)
}
