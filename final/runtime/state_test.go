package runtime

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestParseStat(t *testing.T) {
	const rest = " 1 42 42 0 -1 4194368 89 0 0 0 0 0 0 0 20 0 1 0 65536 0 0"
	for line, want := range map[string]stat{
		"42 (sleep) S" + rest:          {'S', 4194368, 65536},
		"42 (a) b (c) R 9) Z" + rest:   {'Z', 4194368, 65536}, // a name may hold anything
		"42 () R" + rest:               {'R', 4194368, 65536},
		"42 (sleep) S 1 2 3":           {},
		"":                             {},
		"no parenthesis at all, it is": {},
	} {
		if got := parseStat(line); got != want {
			t.Errorf("parseStat(%q) = %v, want %v", line, got, want)
		}
	}
	if s, alive := look(os.Getpid()); !alive || s.flags&forkedOnly != 0 {
		t.Errorf("this test isn't seen to run: %v, %v", s, alive)
	}
}

// A process that has ended is no process, whether somebody has waited for it or not, and no other with its pid.
func TestProcessIsTheOneOnRecord(t *testing.T) {
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s, _ := look(cmd.Process.Pid)
	i := &Instance{dir: t.TempDir(), record: record{State: State{Pid: cmd.Process.Pid}, Start: s.start}}
	got := i.Now().Status
	for deadline := time.Now().Add(10 * time.Second); got == specs.StateCreated && time.Now().Before(deadline); {
		got = i.Now().Status // until it has executed the program
	}
	if got != specs.StateRunning {
		t.Errorf("it is %s while it runs", got)
	}
	i.Start++
	if got := i.Now().Status; got != specs.StateStopped {
		t.Errorf("another with its pid is %s", got)
	}
	if _, err := i.open(); !errors.Is(err, ErrNotRunning) {
		t.Errorf("opening another with its pid: %v", err)
	}
	i.Start--
	if err := end(i.Pid, i.Start); err != nil {
		t.Fatal(err)
	}
	if got := i.Now(); got.Status != specs.StateStopped || got.Pid != 0 {
		t.Errorf("ended and not waited for: %v", got)
	}
	_ = cmd.Wait() // killed, which is no news
	if got := i.Now().Status; got != specs.StateStopped {
		t.Errorf("ended and waited for: %s", got)
	}
}

func TestIDs(t *testing.T) {
	for id, good := range map[string]bool{"a": true, "A-1_b.c+d": true, "...": true, "": false, ".": false, "..": false, "a/b": false, "a b": false, "ä": false, "a\x00": false} {
		if _, err := Root("/r").dir(id); (err == nil) != good {
			t.Errorf("the id %q: %v", id, err)
		}
	}
}

// The two halves and a pid between them are the state of config.md.
func TestHookState(t *testing.T) {
	i := &Instance{record: record{State: State{Version: "1.3.0", ID: "x", Bundle: `/a "b"`, Annotations: map[string]string{"k": "v"}}}}
	prefix, suffix := i.hookState("created")
	var got specs.State
	if err := json.Unmarshal([]byte(prefix+"77"+suffix), &got); err != nil {
		t.Fatal(err)
	}
	if got.Pid != 77 || got.ID != "x" || got.Status != specs.StateCreated || got.Bundle != i.Bundle || got.Annotations["k"] != "v" || got.Version != "1.3.0" {
		t.Errorf("%s77%s is %v", prefix, suffix, got)
	}
}

// A container's directory without a state is what a create has left that was killed at its very beginning.
func TestDeleteHalfOfAContainer(t *testing.T) {
	r := Root(t.TempDir())
	if err := os.Mkdir(filepath.Join(string(r), "half"), 0o711); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Load("half"); !errors.Is(err, ErrNotExist) {
		t.Errorf("loading it: %v", err)
	}
	if err := r.Delete("half", false, nil); !errors.Is(err, ErrNotExist) {
		t.Errorf("deleting it without force: %v", err)
	}
	if err := r.Delete("half", true, nil); err != nil {
		t.Errorf("deleting it with force: %v", err)
	}
	if _, err := os.Stat(filepath.Join(string(r), "half")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

// containerd gives one root to all runtimes. What runc has written there is no container of ours, least of all one that has stopped and can go.
func TestOthersContainersAreNoneOfOurs(t *testing.T) {
	r := Root(t.TempDir())
	dir := filepath.Join(string(r), "theirs")
	if err := os.Mkdir(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	const runc = `{"id":"theirs","init_process_pid":1,"init_process_start":7,"created":"2026-11-27T03:00:18Z","config":{"rootfs":"/"}}`
	if err := os.WriteFile(filepath.Join(dir, stateFile), []byte(runc), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Load("theirs"); !errors.Is(err, ErrOthers) {
		t.Errorf("loading it: %v", err)
	}
	if list, err := r.List(); len(list) != 0 || !errors.Is(err, ErrOthers) {
		t.Errorf("the list has it: %v, %v", list, err)
	}
	for _, force := range []bool{false, true} {
		if err := r.Delete("theirs", force, nil); !errors.Is(err, ErrOthers) {
			t.Errorf("deleting it, force %v: %v", force, err)
		}
	}
	if b, err := os.ReadFile(filepath.Join(dir, stateFile)); string(b) != runc {
		t.Errorf("its state is now %q, %v", b, err)
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("42 (sleep) S 1 42 42 0 -1 4194368 89 0 0 0 0 0 0 0 20 0 1 0 65536 0 0")
	f.Fuzz(func(_ *testing.T, line string) { parseStat(line) })
}
