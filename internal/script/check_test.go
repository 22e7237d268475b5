package script

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestExplicit(t *testing.T) {
	for line, want := range map[string]string{
		"step run":                  "exec step run",
		"step":                      "exec step",
		"  ! as-root step run &x&":  "  ! exec as-root step run &x&",
		"[root] [!userns] step run": "[root] [!userns] exec step run",
		"exec step run":             "exec step run",
		"stepping":                  "stepping",
		"# step by step":            "# step by step",
		"stdout step":               "stdout step",
		"":                          "",
	} {
		if got := explicit(line, []string{"step", "as-root"}); got != want {
			t.Errorf("%q becomes %q, not %q", line, got, want)
		}
	}
	const archive = "step\n-- step --\nstep by step\n"
	if got, want := explicit(archive, []string{"step"}), "exec "+archive; got != want {
		t.Errorf("%q becomes %q, not %q", archive, got, want)
	}
}

// checked is what Check makes of a script, whose program step is a shell script.
func checked(t *testing.T, ctx context.Context, text, program string, patience time.Duration) (Outcome, error) {
	t.Helper()
	dir := t.TempDir()
	step, file := filepath.Join(dir, "program"), filepath.Join(dir, "x.txtar")
	if err := os.WriteFile(step, []byte("#!/bin/sh\n"+program), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	programs, err := ProgramsDir(dir, map[string]string{"step": step})
	if err != nil {
		t.Fatal(err)
	}
	return Check(ctx, Options{File: file, Programs: programs, Patience: patience})
}

func TestCheck(t *testing.T) {
	patience := Slow(time.Minute)
	o, err := checked(t, t.Context(), "random word\nstep $word\nstdout ^$word$\nas-root step x\n", `echo "$1"`, patience)
	if err != nil || o.Failed || o.Skipped != nil || len(o.Variables["word"]) != 12 {
		t.Errorf("what holds: %+v, %v", o, err)
	}
	o, err = checked(t, t.Context(), "# It fails.\n! step\n", "exit 0", patience)
	if err != nil || !o.Failed || o.Line != 2 || o.Complaint != "unexpected command success" {
		t.Errorf("what doesn't: %+v, %v", o, err)
	}
	o, err = checked(t, t.Context(), "need exec:moon\nstep\n", "exit 1", patience)
	if err != nil || o.Failed || o.Skipped == nil || o.Skipped.Condition != "exec:moon" {
		t.Errorf("what can't be tried: %+v, %v", o, err)
	}
	if _, err = checked(t, t.Context(), "skip\n", "exit 1", patience); err == nil || !strings.Contains(err.Error(), "use need") {
		t.Errorf("an early end: %v", err)
	}
}

// What a script has started is killed when its time is up, or when nobody waits for it any more.
func TestCheckKills(t *testing.T) {
	const program = `(trap "" TERM INT; sleep 1000) & exec sleep 1000`
	o, err := checked(t, t.Context(), "step &\nstep\n", program, time.Millisecond)
	if err != nil || !o.Failed || !o.TimedOut {
		t.Errorf("after its time: %+v, %v", o, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if o, err := checked(t, ctx, "step\n", program, Slow(time.Minute)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("abandoned: %+v, %v", o, err)
	}
}

// A frozen process is killed too, and the cgroup that its killed parent couldn't remove is removed.
func TestCheckRemovesCgroups(t *testing.T) {
	Need(t, "root", "cgroup:pids")
	const program = `
d=/sys/fs/cgroup/freezer
[ -d $d ] || d=/sys/fs/cgroup
d=$d/stave-$$
mkdir $d
sleep 1000 &
echo $! >$d/cgroup.procs
echo FROZEN >$d/freezer.state || echo 1 >$d/cgroup.freeze
echo $d >made
sleep 1000`
	o, err := checked(t, t.Context(), "step &\neventually 10 test -s made\nexec cat made\nexec false\n", program, Slow(time.Minute))
	if err != nil || !o.Failed || len(o.Left) > 0 {
		t.Fatalf("the script: %+v, %v", o, err)
	}
	_, printed, _ := strings.Cut(o.Log, "> exec cat made\n[stdout]\n")
	dir, _, _ := strings.Cut(printed, "\n")
	if !strings.HasPrefix(dir, "/sys/fs/cgroup/") {
		t.Fatalf("the script has said %q:\n%s", dir, o.Log)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", dir, err)
	}
}
