// Package timeout runs a command and ends it when it takes too long.
//
// Synopsis:
//
//	timeout [-k TIME] [-s SIGNAL] TIME COMMAND [ARG…]
//
// The exit status is the command's, or 124 when its time was over (137 if it had to be killed). TIME is as for sleep.
//
// Options:
//
//	-k TIME    send SIGKILL if it is still there so long after the signal
//	-s SIGNAL  in place of TERM
package timeout

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmd/kill"
	"stave/toolbox/cmd/sleep"
	"stave/toolbox/cmdline"
	"stave/toolbox/launch"
)

// Over is the exit status when the time was over.
const Over = 124

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("timeout [-k TIME] [-s SIGNAL] TIME COMMAND [ARG…]").OperandsFirst()
	killAfter := line.StringP("kill-after", "k", "", "send SIGKILL if it is still there `TIME` after the signal")
	name := line.StringP("signal", "s", "TERM", "the `SIGNAL` to send")
	if status, ok := line.Read(args); !ok {
		return status
	}
	if line.NArg() < 2 {
		return line.Misuse("a time and a command are needed")
	}
	limit, ok := sleep.Duration(line.Arg(0))
	if !ok {
		return line.Misuse("%q is not a time", line.Arg(0))
	}
	sig, ok := kill.Signal(*name)
	if !ok {
		return line.Misuse("%q is not a signal", *name)
	}
	var grace time.Duration
	if *killAfter != "" {
		if grace, ok = sleep.Duration(*killAfter); !ok {
			return line.Misuse("%q is not a time", *killAfter)
		}
	}
	return run(line, limit, sig, grace)
}

func run(line *cmdline.Line, limit time.Duration, sig unix.Signal, grace time.Duration) int {
	operands := line.Args()[1:]
	cmd := exec.Command(operands[0], operands[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// Whoever wants to end timeout means the command.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGTERM, unix.SIGHUP)
	if err := cmd.Start(); err != nil {
		return launch.Refused(line, operands[0], err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait() // its state says how
		close(ended)
	}()
	var over <-chan time.Time
	if limit > 0 { // timeout 0 sets no limit
		over = time.After(limit)
	}
	late := false
	var last <-chan time.Time
	for {
		select {
		case <-ended:
			if late && cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				return Over
			}
			return launch.Status(cmd.ProcessState)
		case s := <-signals:
			cmd.Process.Signal(s)
		case <-over:
			late = true
			cmd.Process.Signal(sig)
			cmd.Process.Signal(unix.SIGCONT) // a stopped process notices nothing else
			if grace > 0 {
				last = time.After(grace)
			}
		case <-last:
			cmd.Process.Kill()
		}
	}
}
