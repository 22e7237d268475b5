// Package hold keeps a teaching tool in the state it has reached, so that the learner can look at it from outside.
package hold

import (
	"bufio"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"
)

// Usage of the option that every command which holds takes.
const Usage = "hold for so many `SECONDS`, in place of until Enter or the end of input"

// A Hold waits until it is told that it is enough.
type Hold struct {
	signals chan os.Signal
	line    chan struct{}
	over    <-chan time.Time
}

// New prepares to wait for the given number of seconds, or if that is negative for a line or the end of standard input;
// a signal to end it ends it too. With no input, as in a script, that is at once. All threads that it needs are started
// here: afterwards there may be no more to be had.
func New(seconds float64) *Hold {
	h := &Hold{signals: make(chan os.Signal, 1), line: make(chan struct{})}
	signal.Notify(h.signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	if seconds >= 0 {
		h.over = time.After(time.Duration(seconds * float64(time.Second)))
		return h
	}
	go func() { // ends with the process, as a read of standard input can't be taken back
		bufio.NewReader(os.Stdin).ReadString('\n')
		close(h.line)
	}()
	return h
}

// Wait returns when it is enough.
func (h *Hold) Wait() {
	if h.over == nil && term.IsTerminal(int(os.Stdin.Fd())) {
		fmt.Println("Enter lets go.")
	}
	select {
	case <-h.signals:
	case <-h.line:
	case <-h.over:
	}
}
