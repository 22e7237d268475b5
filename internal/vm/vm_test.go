package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stave/internal/script"
	"stave/internal/vm/protocol"
)

func TestMain(m *testing.M) {
	script.Main(m, map[string]func(){"qemu-system-x86_64": fakeQemu})
}

// fakeQemu connects to the sockets it is told of, sends what FAKE_EVENTS and FAKE_CONSOLE hold, and ends as FAKE_END says.
func fakeQemu() {
	if os.Getenv("FAKE_END") == "early" {
		fmt.Fprintln(os.Stderr, "qemu: no such machine")
		os.Exit(1)
	}
	for i, arg := range os.Args {
		_, path, ok := strings.Cut(arg, ",path=")
		if !ok || os.Args[i-1] != "-chardev" {
			continue
		}
		conn, err := net.Dial("unix", path)
		if err != nil {
			panic(err)
		}
		text := os.Getenv("FAKE_EVENTS")
		if filepath.Base(path) == "console" {
			text = os.Getenv("FAKE_CONSOLE")
		}
		if _, err := conn.Write([]byte(text)); err != nil {
			panic(err)
		}
	}
	if os.Getenv("FAKE_END") == "never" {
		_ = unix.Pause() // until it is killed
	}
}

func TestBoot(t *testing.T) {
	const passed = `{"kind":"start","user":"root","package":"p"}
{"kind":"skip","user":"root","package":"p","text":"{}"}
{"kind":"end","user":"root","package":"p","seconds":1.5}
`
	const failed = `{"kind":"start","user":"user","package":"q"}
{"kind":"end","user":"user","package":"q","code":1,"text":"--- FAIL: TestQ"}
`
	const done = `{"kind":"done"}` + "\n"
	for name, c := range map[string]struct {
		events, end string
		timeout     time.Duration
		wantErr     string
		wantOut     string
	}{
		"all is well":        {events: passed + done, wantOut: "ok  \tp as root\t1.5s\n"},
		"a test fails":       {events: passed + failed + done, wantErr: "1 of 2 packages failed", wantOut: "--- FAIL: TestQ\nFAIL\tq as user"},
		"a test hangs":       {events: `{"kind":"start","user":"root","package":"p"}`, end: "never", timeout: 200 * time.Millisecond, wantErr: "too slow"},
		"it dies in a test":  {events: passed + `{"kind":"start","user":"user","package":"p"}`, wantErr: "stopped during the tests of p as user"},
		"it dies in two":     {events: `{"kind":"start","user":"root","package":"o"}` + passed + `{"kind":"start","user":"root","package":"q"}`, wantErr: "tests of o as root and q as root"},
		"it dies in between": {events: passed, wantErr: "stopped before it was done"},
		"init gives up":      {events: `{"kind":"broken","text":"no disk"}`, wantErr: "inside the virtual machine: no disk"},
		"a command fails":    {events: `{"kind":"done","code":3}`, wantErr: "exit code 3"},
		"results are torn":   {events: passed + "{kind", end: "never", wantErr: "reading the virtual machine's results"},
		"qemu doesn't start": {end: "early", wantErr: "qemu: no such machine"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("FAKE_EVENTS", c.events)
			t.Setenv("FAKE_END", c.end)
			t.Setenv("FAKE_CONSOLE", "Linux version 0\n")
			if c.timeout == 0 {
				c.timeout = script.Slow(30 * time.Second)
			}
			ctx, cancel := context.WithTimeoutCause(t.Context(), c.timeout, errors.New("too slow"))
			defer cancel()
			var out, console bytes.Buffer
			r := report{out: &out, skips: func(user, record string) {}}
			err := machine{dir: t.TempDir(), console: &console}.boot(ctx, r.event)
			if err == nil {
				err = r.verdict()
			}
			if c.wantErr == "" && err != nil || !strings.Contains(fmt.Sprint(err), c.wantErr) {
				t.Errorf("error is %v, want %q", err, c.wantErr)
			}
			if !strings.Contains(out.String(), c.wantOut) {
				t.Errorf("output is\n%s\nwant\n%s", out.String(), c.wantOut)
			}
			if c.end == "" && console.String() != "Linux version 0\n" {
				t.Errorf("the console showed %q", console.String())
			}
		})
	}
}

func TestParse(t *testing.T) {
	for line, want := range map[string]string{
		"":                         "error",
		"--":                       "error",
		"tset":                     "error",
		"test":                     "packages []",
		"test ./steps/... ./final": "packages [./steps/... ./final]",
		"-- test":                  "command [test]",
		"-- sh -c x":               "command [sh -c x]",
	} {
		o, err := parse(strings.Fields(line))
		got := fmt.Sprintf("packages %v", o.packages)
		if o.command != nil {
			got = fmt.Sprintf("command %v", o.command)
		}
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("vm %s: %s, want %s", line, got, want)
		}
	}
}

func TestAmong(t *testing.T) {
	list := []string{"stave/a", "stave/b/..."}
	for pkg, want := range map[string]bool{"stave/a": true, "stave/a/c": false, "stave/ab": false, "stave/b": true, "stave/b/c/d": true, "stave/bc": false} {
		if got := among(list, pkg); got != want {
			t.Errorf("%s among %v: %t", pkg, list, got)
		}
	}
}

func TestOnceForAllSteps(t *testing.T) {
	tests := []protocol.Test{{Package: "stave/final"}, {Package: "stave/steps/01-a"}, {Package: "stave/steps/02-b"}, {Package: "stave/workbook"}}
	onceForAllSteps(tests)
	for i, want := range []string{"", "^TestEarlierSteps$", "", ""} {
		if tests[i].Skip != want {
			t.Errorf("of %s %q is left out, want %q", tests[i].Package, tests[i].Skip, want)
		}
	}
}

func TestNeeds(t *testing.T) {
	script.Need(t, "exec:sh")
	root := t.TempDir()
	c := copier{root: root, seen: make(map[string]bool)}
	if err := c.copy("/bin/sh"); err != nil {
		t.Fatal(err)
	}
	// A shell needs the C library and the loader; both must have come along for it to run.
	var names []string
	for file := range c.seen {
		names = append(names, filepath.Base(file))
	}
	for _, want := range []string{"libc.so.6", "ld-linux-x86-64.so.2"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing among %v", want, names)
		}
	}
}

func TestTail(t *testing.T) {
	var last tail
	for i := range 1000 {
		fmt.Fprintf(&last, "%099d\n", i)
	}
	if n := last.Len(); n != 8<<10 || !strings.HasSuffix(last.String(), "999\n") {
		t.Errorf("%d bytes are kept, ending in %q", n, last.String()[n-10:])
	}
}
