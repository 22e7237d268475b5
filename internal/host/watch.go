package host

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// T is what a Watcher needs of a test: a *testing.T has it, and so has a learner's check, which runs outside go test.
type T interface {
	Helper()
	Name() string
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(f func())
}

// A Watcher looks after one test's directory.
type Watcher struct {
	t       T
	work    string
	cgroups []string
	links   []Link
	bound   []Mount // namespaces bound to files

	patience time.Duration
}

// Watch starts to watch. When t ends, whatever it has left behind fails it. (That the directory itself can be removed is
// for whoever removes it to say; t.TempDir does.)
func Watch(t T, work string) *Watcher {
	t.Helper()
	w := &Watcher{t: t, work: work, patience: Slow(Patience)}
	var errs [3]error
	w.cgroups, errs[0] = cgroups()
	w.links, errs[1] = links()
	w.bound, errs[2] = boundNamespaces()
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatalf("looking at the machine before the test: %v", err)
	}
	t.Cleanup(func() {
		for _, leftover := range w.Leftovers() {
			t.Errorf("left behind by %s: %s", t.Name(), leftover)
		}
	})
	return w
}

// DetachMounts reports and takes away what is still mounted below the directory in our own mount namespace. It has to run
// before anyone removes the directory's content: with a bind mount in there, that would be somebody else's.
func (w *Watcher) DetachMounts() {
	mounts, err := ownMounts()
	if err != nil {
		w.t.Errorf("reading mounts: %v", err)
		return
	}
	for _, m := range slices.Backward(mounts) { // the last one mounted is on top
		if !mentions(m.Point, w.work) {
			continue
		}
		w.t.Errorf("left behind by %s: %s", w.t.Name(), m)
		if err := unix.Unmount(m.Point, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			w.t.Fatalf("unmounting %s: %v: unmount it by hand before you remove %s", m.Point, err, w.work)
		}
	}
}

// Patience is how long a leftover may take to go by itself.
const Patience = 5 * time.Second

// Slow returns d, or as many times d as STAVE_SLOW says. Deadlines of tests are written for an ordinary machine and passed
// through Slow, because an emulated one takes ten times as long.
func Slow(d time.Duration) time.Duration {
	if factor, err := strconv.ParseFloat(os.Getenv("STAVE_SLOW"), 64); err == nil && factor > 1 {
		return time.Duration(float64(d) * factor)
	}
	return d
}

// Leftovers waits until nothing of the test is left, and returns nil, or gives up and says in words what there is.
func (w *Watcher) Leftovers() []string {
	seenPopulated := make(map[string]bool)
	return waitForNone(w.patience, func() []string {
		left := Leftovers(w.work)
		return append(left, w.sinceThen(seenPopulated)...)
	})
}

// pollInterval: none of these things gives an event when it goes.
const pollInterval = 20 * time.Millisecond

func waitForNone(patience time.Duration, look func() []string) []string {
	deadline := time.Now().Add(patience)
	for {
		left := look()
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
		time.Sleep(pollInterval)
	}
}

// sinceThen is what can't be told from other tests' things but by its age.
func (w *Watcher) sinceThen(seenPopulated map[string]bool) []string {
	var left []string
	now, err := cgroups()
	if err != nil {
		left = append(left, fmt.Sprintf("unknown cgroups: %v", err))
	}
	for _, dir := range now {
		if !isStaves(dir) || slices.Contains(w.cgroups, dir) || seenPopulated[dir] {
			continue
		}
		// One with somebody in it is another test's that runs, or else the process is reported.
		if populated(dir) {
			seenPopulated[dir] = true
			continue
		}
		if _, err := os.Stat(dir); err == nil {
			left = append(left, fmt.Sprintf("cgroup %s, with nobody in it", dir))
		}
	}
	linksNow, err := links()
	if err != nil {
		left = append(left, fmt.Sprintf("unknown network links: %v", err))
	}
	for _, l := range linksNow {
		if !l.Peered && !slices.Contains(w.links, l) {
			left = append(left, l.String())
		}
	}
	boundNow, err := boundNamespaces()
	if err != nil {
		left = append(left, fmt.Sprintf("unknown mounts: %v", err))
	}
	for _, m := range boundNow {
		if !slices.Contains(w.bound, m) {
			left = append(left, fmt.Sprintf("namespace %s bound to %s", m.Root, m.Point))
		}
	}
	return left
}

// boundNamespaces are those kept by a file instead of a process, as "ip netns add" does; see namespaces(7).
func boundNamespaces() ([]Mount, error) {
	mounts, err := ownMounts()
	return slices.DeleteFunc(mounts, func(m Mount) bool { return m.Type != "nsfs" }), err
}

// Leftovers says in words what mentions dir right now: mounts, and processes other than ours.
func Leftovers(dir string) []string {
	var left []string
	mounts, err := ownMounts()
	if err != nil {
		left = append(left, fmt.Sprintf("unknown mounts: %v", err))
	}
	for _, m := range mounts {
		if m.mentions(dir) {
			left = append(left, m.String())
		}
	}
	tied, err := Tied(dir)
	if err != nil {
		left = append(left, fmt.Sprintf("unknown processes: %v", err))
	}
	for _, p := range tied {
		left = append(left, fmt.Sprintf("%s %s", p, p.Tie))
	}
	return left
}

// Tied returns the processes that mention dir right now, in Tie how. Ours and those that wait for it are not among them.
func Tied(dir string) ([]Process, error) {
	running, err := processes()
	if err != nil {
		return nil, err
	}
	var tied []Process
	above, namespace := ancestors(), ownNamespace("mnt")
	for _, p := range running {
		if above[p.PID] {
			continue
		}
		if p.Tie = p.tie(dir, namespace); p.Tie != "" {
			tied = append(tied, p)
		}
	}
	return tied, nil
}
