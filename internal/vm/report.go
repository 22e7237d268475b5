package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"stave/internal/vm/protocol"
)

// report turns events into lines like go test's, and remembers how it all went.
type report struct {
	out     io.Writer                 // for people
	verbose bool                      // tell of what begins, too
	skips   func(user, record string) // gets each skip: whose, and its script.Record

	passed, failed, skipped int

	started []string // the tests that run now
	done    bool
	code    int // exit code of a command
	broken  string
}

func (r *report) event(e protocol.Event) {
	name := fmt.Sprintf("%s as %s", e.Package, e.User)
	switch e.Kind {
	case protocol.Start:
		r.started = append(r.started, name)
		if r.verbose {
			fmt.Fprintf(r.out, "run \t%s\n", name)
		}
	case protocol.Skip:
		r.skipped++
		r.skips(e.User, e.Text)
	case protocol.End:
		r.started = slices.DeleteFunc(r.started, func(other string) bool { return other == name })
		verdict := "ok"
		if e.Code == 0 {
			r.passed++
		} else {
			r.failed++
			verdict = "FAIL"
			fmt.Fprintf(r.out, "%s\n", strings.TrimRight(e.Text, "\n"))
		}
		fmt.Fprintf(r.out, "%-4s\t%s\t%.1fs\n", verdict, name, e.Seconds)
	case protocol.Broken:
		r.broken = e.Text
	case protocol.Done:
		r.done, r.code = true, e.Code
	}
}

// verdict is nil if everything that had to happen did, and well.
func (r *report) verdict() error {
	switch {
	case r.broken != "":
		return fmt.Errorf("inside the virtual machine: %s", r.broken)
	case len(r.started) > 0:
		return fmt.Errorf("the virtual machine stopped during the tests of %s", strings.Join(r.started, " and "))
	case !r.done:
		return fmt.Errorf("the virtual machine stopped before it was done")
	case r.failed > 0:
		return fmt.Errorf("%d of %d packages failed in the virtual machine", r.failed, r.passed+r.failed)
	case r.code != 0:
		return fmt.Errorf("the command failed: exit code %d", r.code)
	}
	return nil
}
