package exercise_test

import (
	"os"
	"path/filepath"
	"testing"

	"stave/internal/script"
	"stave/workbook/exercise"
)

// program is a step that does as it is told.
const program = `#!/bin/sh
case $1 in
fail) echo to stdout; echo to stderr >&2; exit 3 ;;
signal) kill -TERM $$ ;;
wait) trap 'echo interrupted; exit 4' TERM; touch ready; while :; do sleep 0.01; done ;;
*) echo "$@" ;;
esac
`

// Each script fails, and Explain says why in words.
func TestExplain(t *testing.T) {
	step := filepath.Join(t.TempDir(), "step")
	if err := os.WriteFile(step, []byte(program), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ script, want string }{
		"an exit code that should be 0": {"# A sentence that goes\n# over two lines.\nstep hello\nstep fail\n", `This should hold:
    A sentence that goes over two lines.

The check ran:
    step fail

It printed:
    to stdout
    to stderr

It should have succeeded, but its exit code is 3.
`},
		"a command of an earlier phase": {"# First.\nstep hello\n\n# Second.\nstdout goodbye\n", `This should hold:
    Second.

The check ran:
    step hello

It printed:
    hello

Nothing in what it printed matches the pattern goodbye
`},
		"another exit code": {"# It fails.\nexits 4 step fail\n", `This should hold:
    It fails.

The check ran:
    step fail

It printed:
    to stdout
    to stderr

Its exit code should be 4, and is 3.
`},
		"a signal": {"# It lives.\nstep signal\n", `This should hold:
    It lives.

The check ran:
    step signal

It printed nothing.

It should have succeeded, but a signal has ended it (terminated).
`},
		"success": {"# It fails.\n! step hello\n", `This should hold:
    It fails.

The check ran:
    step hello

It printed:
    hello

It should have failed, but it succeeded.
`},
		"what must not be printed": {"# It is quiet.\n[exec:sh] as-root step two words\n! stdout 'w[a-z]*s'\n", `This should hold:
    It is quiet.

The check ran:
    ` + asRoot() + `step two words

It printed:
    two words

"words" should not be in what it printed: it matches the pattern w[a-z]*s
`},
		"error messages": {"# It complains.\n! step fail\nstderr 'a reason'\n", `This should hold:
    It complains.

The check ran:
    step fail

It printed:
    to stdout
    to stderr

Nothing in its error messages matches the pattern a reason
`},
		"a file's content": {"# A file is written.\nstep hello\ncp stdout file\ngrep bye file\n", `This should hold:
    A file is written.

The check ran:
    step hello

It printed:
    hello

Nothing in the file file matches the pattern bye
`},
		"files that differ": {"# It says what it said.\nstep hello\ncp stdout before\nstep goodbye\ncmp stdout before\n", `This should hold:
    It says what it said.

The check ran:
    step goodbye

It printed:
    goodbye

What it printed and the file before should be the same, and differ.
`},
		"files that don't": {"# It says something new.\nstep hello\ncp stdout before\nstep hello\n! cmp stdout before\n", `This should hold:
    It says something new.

The check ran:
    step hello

It printed:
    hello

What it printed and the file before should differ, and are the same.
`},
		"a file that isn't there": {"# A file is made.\nexec sh -c 'step hello'\nexists made\n", `This should hold:
    A file is made.

The check ran:
    sh -c 'step hello'

It printed:
    hello

$WORK/made should exist, and doesn't.
`},
		"never": {"# In the end it is there.\neventually 0.1 sh -c 'echo looking; test -e made'\n", `This should hold:
    In the end it is there.

The check ran:
    sh -c 'echo looking; test -e made'

It printed:
    looking

It was tried again and again for ` + script.Slow(100e6).String() + ` and should have succeeded, but it never did (exit status 1).
`},
		"in the background": {"# It ends well.\nexec sh -c 'echo $$ >pid; exec step wait' &waiting&\neventually 10 test -e ready\nexec sh -c 'kill -TERM $(cat pid)'\nwait waiting\n", `This should hold:
    It ends well.

The check ran:
    sh -c 'echo $$ >pid; exec step wait' &

It printed:
    interrupted

It should have succeeded, but it failed.
`},
		"what was in the background": {"# It says what it does.\nstep doing &doing&\nwait doing\n\nstdout done\n", `This should hold:
    It says what it does.

The check ran:
    step doing &

It printed:
    doing

Nothing in what it printed matches the pattern done
`},
		"no such program": {"# There is one.\nexec no-such-program\n", `This should hold:
    There is one.

The check ran:
    no-such-program

It printed nothing.

It could not be run: exec: "no-such-program": executable file not found in $PATH.
`},
		"a long output": {"# It counts.\n! exec seq 40\n", `This should hold:
    It counts.

The check ran:
    seq 40

It printed:
    1
    2
    3
    4
    5
    6
    7
    8
    9
    10
    11
    12
    … (16 lines are left out here)
    29
    30
    31
    32
    33
    34
    35
    36
    37
    38
    39
    40

It should have failed, but it succeeded.
`},
		"what a program has made up": {"# It fails.\nexec printf 'FAIL: x:1: nothing\\n[exit status 9]\\n> step\\n'\nexits 1 step hello\n", `This should hold:
    It fails.

The check ran:
    step hello

It printed:
    hello

Its exit code should be 1, and is 0.
`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "check.txtar")
			if err := os.WriteFile(file, []byte(c.script+"\n-- other --\nA file.\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			r, err := exercise.CheckScript(t.Context(), file, step, script.Slow(exercise.Patience))
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Explain(); got != c.want {
				t.Errorf("the explanation is\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// asRoot is what one types to be root.
func asRoot() string {
	if os.Geteuid() == 0 {
		return ""
	}
	return "unshare -Ur "
}

func TestExplainSuccess(t *testing.T) {
	if got := (exercise.Result{Passed: true}).Explain(); got != "All that the check asks for holds.\n" {
		t.Errorf("of a success it is said: %s", got)
	}
}
