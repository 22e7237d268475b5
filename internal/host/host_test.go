package host_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stave/internal/host"
	"stave/internal/script"
)

func TestMain(m *testing.M) {
	script.Main(m, map[string]func(){
		"leftovers": leftovers,
		"found":     found,
		"plant":     plant,
		"detach":    detach,
	})
}

func TestScripts(t *testing.T) { script.Run(t, "testdata") }

// leftovers DIR prints what mentions it.
func leftovers() {
	for _, words := range host.Leftovers(os.Args[1]) {
		fmt.Println(words)
	}
}

// found DIR REGEXP succeeds if a leftover is described that way.
func found() {
	all := host.Leftovers(os.Args[1])
	if !slices.ContainsFunc(all, regexp.MustCompile(os.Args[2]).MatchString) {
		fmt.Fprintf(os.Stderr, "nothing like %q among %q\n", os.Args[2], all)
		os.Exit(1)
	}
}

// recorder is a test that remembers what it was told, and whose end we choose.
type recorder struct {
	testing.TB
	said    []string
	cleanup []func()
}

func (r *recorder) Helper()          {}
func (r *recorder) Name() string     { return "TestPlanted" }
func (r *recorder) Cleanup(f func()) { r.cleanup = append(r.cleanup, f) }
func (r *recorder) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}
func (r *recorder) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func (r *recorder) end() string {
	for _, f := range slices.Backward(r.cleanup) {
		f()
	}
	return strings.Join(r.said, "\n")
}

// watch is host.Watch over a test that leaves something and won't clean it up however long one waits.
func watch(r *recorder, dir string) *host.Watcher {
	w := host.Watch(r, dir)
	w.Hurry(200 * time.Millisecond)
	return w
}

// plant PROGRAM ARG... runs a program under a watch and prints what the watch says at the end.
func plant() {
	r := &recorder{}
	watch(r, "/nowhere")
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(r.end())
}

// detach DIR takes away the mounts below it and prints what it was told about them.
func detach() {
	r := &recorder{}
	watch(r, os.Args[1]).DetachMounts()
	fmt.Println(strings.Join(r.said, "\n"))
}

func TestOrphanFailsItsTest(t *testing.T) {
	dir := t.TempDir()
	r := &recorder{}
	watch(r, dir)
	orphan := exec.Command("sleep", "1000")
	orphan.Dir = dir
	if err := orphan.Start(); err != nil {
		t.Fatal(err)
	}
	got := r.end()
	orphan.Process.Kill()
	orphan.Wait()

	want := fmt.Sprintf("left behind by TestPlanted: process %d (sleep 1000) is in it", orphan.Process.Pid)
	if got != want {
		t.Errorf("the test was told\n%s\nwant\n%s", got, want)
	}
}

func TestWhatEndsInTimeIsNoLeftover(t *testing.T) {
	dir := t.TempDir()
	r := &recorder{}
	host.Watch(r, dir)
	child := exec.Command("sleep", "0.2")
	child.Dir = dir
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	waited := make(chan error)
	go func() { waited <- child.Wait() }()
	if got := r.end(); got != "" {
		t.Errorf("the test was told\n%s", got)
	}
	if err := <-waited; err != nil {
		t.Error(err)
	}
}

func TestCgroupFailsItsTest(t *testing.T) {
	script.Need(t, "root", "cgroup:pids")
	r := &recorder{}
	w := watch(r, "/nowhere")
	dir := makeCgroup(t, "stave-planted-%d")

	if got, want := r.end(), "left behind by TestPlanted: cgroup "+dir+", with nobody in it"; !strings.Contains(got, want) {
		t.Errorf("the test was told\n%s\nwant\n%s", got, want)
	}
	// With somebody in it, it may be another test's; whose it is, its processes tell.
	guest := exec.Command("sleep", "1000")
	if err := guest.Start(); err != nil {
		t.Fatal(err)
	}
	defer guest.Wait()
	defer guest.Process.Kill()
	procs := filepath.Join(dir, "cgroup.procs")
	if err := os.WriteFile(procs, []byte(fmt.Sprint(guest.Process.Pid)), 0); err != nil {
		t.Fatal(err)
	}
	for _, leftover := range w.Leftovers() {
		if strings.Contains(leftover, dir) {
			t.Errorf("a cgroup in use is reported: %s", leftover)
		}
	}
}

func TestOthersCgroupsAreNoneOfOurs(t *testing.T) {
	script.Need(t, "root", "cgroup:pids")
	r := &recorder{}
	watch(r, "/nowhere")
	dir := makeCgroup(t, "somebody-elses-%d")
	if got := r.end(); strings.Contains(got, dir) {
		t.Errorf("the test was told\n%s", got)
	}
}

// makeCgroup makes one beside our own in the hierarchy of the pids controller, or in the only one.
func makeCgroup(t *testing.T, name string) string {
	t.Helper()
	top := "/sys/fs/cgroup"
	if pids := filepath.Join(top, "pids"); unix.Access(pids, unix.F_OK) == nil {
		top = pids
	}
	dir := filepath.Join(top, fmt.Sprintf(name, os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeCgroup(t, dir) })
	return dir
}

// removeCgroup waits for the last process, which leaves its cgroup a moment after it has ended.
func removeCgroup(t *testing.T, dir string) {
	deadline := time.Now().Add(host.Slow(host.Patience))
	for {
		err := unix.Rmdir(dir)
		if err == nil {
			return
		}
		if err != unix.EBUSY || time.Now().After(deadline) {
			t.Errorf("removing %s: %v", dir, err)
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func TestMentions(t *testing.T) {
	for _, c := range []struct {
		text string
		want bool
	}{
		{"/tmp/run", true},
		{"/tmp/run/root", true},
		{"/tmp/run (deleted)", true},
		{"lowerdir=/tmp/run:/tmp/x", true},
		{"HOME=/tmp/run\x00", true},
		{"/tmp/run-twice", false},
		{"/tmp/runs", false},
		{"/tmp/run#1", false},
		{"/tmp/run-twice,/tmp/run", true},
		{"/tmp", false},
		{"", false},
	} {
		if got := host.Mentions(c.text, "/tmp/run"); got != c.want {
			t.Errorf("%q mentions /tmp/run: %v, want %v", c.text, got, c.want)
		}
	}
}

func TestParseMounts(t *testing.T) {
	got := host.ParseMounts(`36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
37 35 0:3 / /run/a\040b rw - tmpfs none rw
cut short
`)
	if len(got) != 2 {
		t.Fatalf("%d mounts: %v", len(got), got)
	}
	if m := got[0]; m.Root != "/mnt1" || m.Point != "/mnt2" || m.Type != "ext3" || m.Source != "/dev/root" {
		t.Errorf("the first is %#v", m)
	}
	if got[1].String() != `mount of tmpfs (none) on /run/a\040b` {
		t.Errorf("the second is %s", got[1])
	}
}

func TestDiff(t *testing.T) {
	before := host.Snapshot{
		Mounts:    map[string]string{"1": "mount one", "2": "mount two"},
		Processes: map[string]string{"7": "process 7"},
		Files:     map[string]string{"a": "file a"},
	}
	after := host.Snapshot{
		Mounts:    map[string]string{"2": "mount two", "3": "mount three"},
		Processes: map[string]string{"8": "process 8"},
		Links:     map[string]string{"9": "link nine"},
		Files:     map[string]string{"a": "file a"},
	}
	want := []string{"new: mount three", "gone: mount one", "new: link nine", "new: process 8"}
	if got := host.Diff(before, after); !slices.Equal(got, want) {
		t.Errorf("Diff = %q, want %q", got, want)
	}
}
