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

// Until waits for the given number of seconds, or if that is negative for a line or the end of standard input; a
// signal to end it ends it too. With no input, as in a script, that is at once.
func Until(seconds float64) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	if seconds >= 0 {
		select {
		case <-signals:
		case <-time.After(time.Duration(seconds * float64(time.Second))):
		}
		return
	}
	if term.IsTerminal(int(os.Stdin.Fd())) {
		fmt.Println("Enter lets go.")
	}
	line := make(chan struct{})
	go func() { // ends with the process, as a read of standard input can't be taken back
		bufio.NewReader(os.Stdin).ReadString('\n')
		close(line)
	}()
	select {
	case <-signals:
	case <-line:
	}
}
