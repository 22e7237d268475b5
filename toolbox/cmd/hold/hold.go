// Package hold keeps a teaching tool in the state it has reached, so that the learner can look at it from outside.
package hold

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"
)

// Usage of the option that every command which holds takes.
const Usage = "hold for so many `SECONDS`, in place of until Enter or the end of input"

// On waits for the given number of seconds, or if that is negative for a line or the end of standard input. With no input,
// as in a script, that is at once. It starts no goroutine: at a limit of processes there may be no thread to run it.
func On(seconds float64) {
	if seconds >= 0 {
		time.Sleep(time.Duration(seconds * float64(time.Second)))
		return
	}
	if term.IsTerminal(int(os.Stdin.Fd())) {
		fmt.Println("Enter lets go.")
	}
	for letter := make([]byte, 1); letter[0] != '\n'; {
		if _, err := io.ReadFull(os.Stdin, letter); err != nil {
			return
		}
	}
}

// Signals takes, from now on, the signals to end the program.
func Signals() <-chan os.Signal {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	return signals
}

// UntilSignal is On, and a signal ends it too.
func UntilSignal(signals <-chan os.Signal, seconds float64) {
	over := make(chan struct{})
	go func() { // ends with the process, as a read of standard input can't be taken back
		On(seconds)
		close(over)
	}()
	select {
	case <-signals:
	case <-over:
	}
}
