package script

import (
	"crypto/rand"
	"errors"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"stave/internal/host"
)

// need skips the script unless all conditions hold.
func need(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: need CONDITION...")
	}
	for _, cond := range args {
		ok, err := Holds(cond)
		ts.Check(err)
		if ok {
			continue
		}
		switch t := ts.Value(runnerKey{}).(type) {
		case testing.TB:
			Skip(t, cond, Reason(cond))
		case *check:
			t.skip(cond, Reason(cond))
		}
	}
}

// exits runs a program, which must exit with the code given.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got, err := exitCode(ts.Exec(args[1], args[2:]...))
	ts.Check(err)
	if got != want {
		ts.Fatalf("exit code is %d, not %d", got, want)
	}
}

// exitCode is as a shell has it: 128+n for a program that a signal ended. The error is one of not having run at all.
func exitCode(err error) (int, error) {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return 0, err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return exit.ExitCode(), nil
}

// pollInterval is how often something that gives no event of its own is looked at.
const pollInterval = 20 * time.Millisecond

// eventually runs a program until it succeeds.
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: eventually SECONDS PROGRAM [ARG...]")
	}
	seconds, err := strconv.ParseFloat(args[0], 64)
	ts.Check(err)
	patience := Slow(time.Duration(seconds * float64(time.Second)))
	deadline := time.Now().Add(patience)
	for {
		err := ts.Exec(args[1], args[2:]...)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s still fails after %v: %v", args[1], patience, err)
		}
		time.Sleep(pollInterval)
	}
}

// random sets a variable to a word that nobody can know beforehand. Of letters alone, it is good as a host name, as a
// file's name and in a pattern.
func random(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: random NAME")
	}
	const length = 12
	word := make([]byte, length)
	rand.Read(word) // never fails, crypto/rand
	for i, b := range word {
		word[i] = 'a' + b%26
	}
	setVariable(ts, args[0], string(word))
}

// setVariable sets a variable of the script's, and lets a check know, which shows commands with it filled in.
func setVariable(ts *testscript.TestScript, name, value string) {
	ts.Setenv(name, value)
	if c, ok := ts.Value(runnerKey{}).(*check); ok {
		c.outcome.Variables[name] = value
	}
}

// Slow returns d, longer where STAVE_SLOW says so. See host.Slow.
func Slow(d time.Duration) time.Duration { return host.Slow(d) }
