package main

import (
	"bufio"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"stave/internal/host"
	"stave/internal/script"
)

// stave is this test binary as the command, with its state below work.
func stave(work string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = "stave"
	cmd.Dir = work
	cmd.Env = append(os.Environ(), "STAVE_ROOT="+filepath.Join(work, "root"), "HOME="+work)
	return cmd
}

// Whenever "stave run" is killed, the container dies with it and the next command leaves nothing of it behind.
func TestKilledRunLeavesNothing(t *testing.T) {
	script.Need(t, "userns", "overlay")
	toolbox, err := script.Toolbox()
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	watcher := host.Watch(t, work)
	args := []string{"run", "--rootfs", toolbox}
	if limits, err := script.Holds("cgroup:memory"); err != nil {
		t.Fatal(err)
	} else if limits {
		args = append(args, "--memory", "64M")
	}
	args = append(args, "sh", "-c", "echo up; touch /written; sleep 1000")
	longest := untilUp(t, stave(work, args...))

	moments := 100
	if testing.Short() {
		moments = 10
	}
	for range moments {
		cmd := stave(work, args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		delay := time.Duration(rand.Int64N(int64(longest * 3 / 2)))
		time.Sleep(delay) // the moment is the point of the test, whatever has happened by then
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed, which is no news
		if out, err := stave(work, "images").CombinedOutput(); err != nil {
			t.Fatalf("killed after %v; the next command: %v\n%s", delay, err, out)
		}
		left, err := os.ReadDir(filepath.Join(work, "root", "containers"))
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range left {
			t.Errorf("killed after %v: the directory of container %s is left", delay, entry.Name())
		}
	}
	for _, leftover := range watcher.Leftovers() {
		t.Errorf("left behind: %s", leftover)
	}
}

// untilUp is how long a run takes until its program has begun. It kills it then.
func untilUp(t *testing.T, cmd *exec.Cmd) time.Duration {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	took := time.Since(start)
	_ = cmd.Process.Kill()
	var exit *exec.ExitError
	if werr := cmd.Wait(); werr != nil && !errors.As(werr, &exit) {
		t.Fatal(werr)
	}
	if line != "up\n" || (err != nil && err != io.EOF) {
		t.Fatalf("the program said %q (%v)", line, err)
	}
	return took
}

// A container whose monitor is killed dies at once, not only at the next command.
func TestContainerDiesWithItsMonitor(t *testing.T) {
	script.Need(t, "userns", "overlay")
	toolbox, err := script.Toolbox()
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	host.Watch(t, work)
	t.Cleanup(func() {
		if out, err := stave(work, "images").CombinedOutput(); err != nil {
			t.Errorf("the next command: %v\n%s", err, out)
		}
	})
	cmd := stave(work, "run", "--rootfs", toolbox, "sh", "-c", "echo up; sleep 1000")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	b := bufio.NewReader(r)
	if line, err := b.ReadString('\n'); line != "up\n" {
		t.Fatalf("the program said %q (%v)", line, err)
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	// The pipe ends when the last process that holds it is gone.
	if err := r.SetReadDeadline(time.Now().Add(script.Slow(5 * time.Second))); err != nil {
		t.Fatal(err)
	}
	if _, err := b.ReadByte(); err != io.EOF {
		t.Errorf("the program still runs: %v", err)
	}
}
