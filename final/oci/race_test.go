package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"stave/internal/host"
	"stave/internal/script"
)

// A box is a bundle with commands to run on it.
type box struct {
	t    *testing.T
	work string
}

// bundle makes one whose program is what is given, and watches that nothing is left of it.
func bundle(t *testing.T, change func(*specs.Spec), args ...string) box {
	t.Helper()
	script.Need(t, "userns")
	toolbox, err := script.Toolbox()
	if err != nil {
		t.Fatal(err)
	}
	b := box{t, t.TempDir()}
	watcher := host.Watch(t, b.work)
	t.Cleanup(func() {
		for _, leftover := range watcher.Leftovers() {
			t.Errorf("left behind: %s", leftover)
		}
	})
	s := example()
	if real, err := script.Holds("root"); err != nil || !real {
		makeRootless(s)
	}
	s.Root.Path, s.Process.Args, s.Process.Terminal = filepath.Join(b.work, "rootfs"), args, false
	if change != nil {
		change(s)
	}
	text, err := json.Marshal(s)
	if err == nil {
		err = os.WriteFile(filepath.Join(b.work, "config.json"), text, 0o644)
	}
	if err == nil {
		err = exec.Command("cp", "-a", toolbox, s.Root.Path).Run()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// command is this test binary as stave-oci, with its state below the bundle and its output in a file there, which a container may hold on to.
func (b box) command(args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", append([]string{"--root", filepath.Join(b.work, "state")}, args...)...)
	cmd.Args[0], cmd.Dir, cmd.Env = "stave-oci", b.work, append(os.Environ(), "XDG_RUNTIME_DIR="+b.work)
	return cmd
}

// do runs a command to its end and returns what it printed.
func (b box) do(args ...string) (string, error) {
	b.t.Helper()
	out, err := os.CreateTemp(b.work, "out")
	if err != nil {
		b.t.Fatal(err)
	}
	defer out.Close()
	cmd := b.command(args...)
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Run()
	text, rerr := os.ReadFile(out.Name())
	if rerr != nil {
		b.t.Fatal(rerr)
	}
	return string(text), err
}

// must is do for what has to go well.
func (b box) must(args ...string) string {
	b.t.Helper()
	text, err := b.do(args...)
	if err != nil {
		b.t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, text)
	}
	return text
}

// together runs a command several times at once, and counts how often it goes well. What those say that don't must be one of the texts.
func (b box) together(times int, texts []string, args ...string) int {
	b.t.Helper()
	var mu sync.Mutex
	var group sync.WaitGroup
	well := 0
	for range times {
		group.Go(func() {
			text, err := b.do(args...)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				well++
				return
			}
			for _, t := range texts {
				if strings.Contains(text, t) {
					return
				}
			}
			b.t.Errorf("%s: %v: %s", strings.Join(args, " "), err, text)
		})
	}
	group.Wait()
	return well
}

// The same command from several sides at once: one of them wins, and the others are told why they didn't.
func TestCommandsAtTheSameTime(t *testing.T) {
	b := bundle(t, nil, "sleep", "1000")
	id := fmt.Sprintf("stave-test-together-%d", os.Getpid())
	rounds := 5
	if testing.Short() {
		rounds = 2
	}
	for range rounds {
		if n := b.together(4, []string{"already exists"}, "create", id); n != 1 {
			t.Errorf("%d of 4 made the container", n)
		}
		if n := b.together(4, []string{"already running"}, "start", id); n != 1 {
			t.Errorf("%d of 4 started the container", n)
		}
		b.must("kill", id, "KILL")
		for !strings.Contains(b.must("state", id), "stopped") {
		}
		if n := b.together(4, []string{"does not exist"}, "delete", id); n != 1 {
			t.Errorf("%d of 4 deleted the container", n)
		}
		if n := b.together(4, nil, "delete", "--force", id); n != 4 {
			t.Errorf("%d of 4 found that there is nothing to delete", n)
		}
	}
}

// A container that is created and deleted by two sides at once is there whole or not at all.
func TestDeleteWhileCreate(t *testing.T) {
	b := bundle(t, nil, "sleep", "1000")
	id := fmt.Sprintf("stave-test-while-%d", os.Getpid())
	for range 10 {
		var group sync.WaitGroup
		group.Go(func() { _, _ = b.do("create", id) })
		group.Go(func() {
			for range 5 {
				b.must("delete", "--force", id)
			}
		})
		group.Wait()
		b.must("delete", "--force", id)
		if text, err := b.do("state", id); err == nil {
			t.Fatalf("the container is still there: %s", text)
		}
	}
}

// Whenever create is killed, delete --force clears what it has left, and until then the id is taken or free but never half of it.
func TestKilledCreate(t *testing.T) {
	b := bundle(t, nil, "sleep", "1000")
	id := fmt.Sprintf("stave-test-killed-%d", os.Getpid())
	start := time.Now()
	b.must("create", id)
	longest := time.Since(start)
	b.must("delete", "--force", id)
	moments := 100
	if testing.Short() {
		moments = 10
	}
	for range moments {
		cmd := b.command("create", id)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		delay := time.Duration(rand.Int64N(int64(longest * 3 / 2)))
		time.Sleep(delay) // the moment is the point of the test, whatever has happened by then
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed, which is no news
		if text, err := b.do("create", id); err == nil {
			b.must("start", id)
		} else if !strings.Contains(text, "already exists") {
			t.Fatalf("killed after %v; the next create: %v: %s", delay, err, text)
		}
		b.must("delete", "--force", id)
		left, err := os.ReadDir(filepath.Join(b.work, "state"))
		if err != nil || len(left) > 0 {
			t.Fatalf("killed after %v: left in the state directory: %v %v", delay, left, err)
		}
	}
}
