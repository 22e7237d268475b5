package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Words of commands that stand for others: a name that is new each time, and a bundle made for it, with a program that ends or one that waits.
const (
	newName     = "ID"
	bundleEnds  = "BUNDLE"
	bundleWaits = "WAITING"
)

// A contender does what a contest is about in its way.
type contender struct {
	program string     // the column
	before  [][]string // once
	timed   [][]string // again and again; what they take together counts
	after   [][]string // once, also if something failed
}

// A contest is one row: the same thing done by several.
type contest struct {
	row        string
	contenders []contender
}

// An arena is where contests take place: inside of the sandbox.
type arena struct {
	dir, cgroup string // as the sandbox has them
	stave, oci  string // our programs
	progress    func(string)
	ids         int
}

func (a *arena) path(name string) string { return filepath.Join(a.dir, name) }

// id is a name that nothing had before.
func (a *arena) id() string {
	a.ids++
	return "b" + strconv.Itoa(a.ids)
}

// limit is how long one command may take. Nothing here takes seconds, unless it hangs.
const limit = time.Minute

// do runs a command to its end. It writes to a file: a container left behind would hold a pipe open. around are words to put before it.
func (a *arena) do(ctx context.Context, id string, command []string, around ...string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	words, err := a.words(id, slices.Concat(around, command))
	if err != nil {
		return 0, err
	}
	said, err := os.Create(a.path("said"))
	if err != nil {
		return 0, err
	}
	defer said.Close()
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Stdout, cmd.Stderr = said, said
	began := time.Now()
	err = cmd.Run()
	took := time.Since(began)
	if err != nil {
		b, _ := os.ReadFile(said.Name())
		return 0, fmt.Errorf("running %s: %w\n%s", strings.Join(words, " "), err, b)
	}
	return took, nil
}

// words puts what they stand for in the place of words.
func (a *arena) words(id string, command []string) ([]string, error) {
	for i, word := range command {
		program := ends
		switch word {
		case newName:
			command[i] = id
			continue
		case bundleWaits:
			program = waits
		case bundleEnds:
		default:
			continue
		}
		command[i] = a.path("bundle-" + id)
		if err := makeBundle(command[i], a.path("rootfs"), a.cgroup+"/"+id, program); err != nil {
			return nil, err
		}
	}
	return command, nil
}

func (a *arena) all(ctx context.Context, id string, commands [][]string) error {
	for _, c := range commands {
		if _, err := a.do(ctx, id, c); err != nil {
			return err
		}
	}
	return nil
}

// A figure is what was measured of one program.
type figure struct {
	Program string    `json:"program"`
	Value   float64   `json:"value,omitempty"` // the median
	Samples []float64 `json:"samples,omitempty"`
	// Why says why there is none.
	Why string `json:"why,omitempty"`
}

// hold lets the contenders of a contest take turns, so many times after a few to warm up, and returns their times in seconds. Who fails
// is out, and the reason is its figure.
func (a *arena) hold(ctx context.Context, c contest, runs int) []figure {
	const warmUp = 3
	figures := make([]figure, len(c.contenders))
	ids := make([]string, len(c.contenders))
	for i, who := range c.contenders {
		figures[i].Program, ids[i] = who.program, a.id()
		if err := a.all(ctx, ids[i], who.before); err != nil {
			figures[i].Why = err.Error()
		}
	}
	order := rand.New(rand.NewPCG(1, 2)) // the same each time, but nobody always comes after the same other
	quiet := pids()
	for n := range warmUp + runs {
		for _, i := range order.Perm(len(c.contenders)) {
			if figures[i].Why != "" || ctx.Err() != nil {
				continue
			}
			quiet = settle(quiet)
			took, err := a.once(ctx, ids[i], c.contenders[i])
			switch {
			case err != nil:
				figures[i].Why = err.Error()
			case n >= warmUp:
				figures[i].Samples = append(figures[i].Samples, took)
			}
		}
	}
	for i, who := range c.contenders {
		for _, command := range who.after {
			_, _ = a.do(context.WithoutCancel(ctx), ids[i], command) // the sandbox ends what this leaves
		}
		figures[i].finish()
	}
	return figures
}

// settle waits until no process is left that wasn't there when it was quiet: Docker and Podman clear up behind one's back, which is not to be at the cost
// of who comes next. What stays counts as quiet from then on.
func settle(quiet map[int]bool) map[int]bool {
	const enough = time.Second
	for deadline := time.Now().Add(enough); ; time.Sleep(2 * time.Millisecond) {
		now := pids()
		busy := false
		for pid := range now {
			busy = busy || !quiet[pid]
		}
		if !busy || time.Now().After(deadline) {
			return now
		}
	}
}

func (f *figure) finish() {
	if f.Why != "" {
		f.Samples = nil
		return
	}
	f.Value = median(f.Samples)
}

// once does it once. A contender with something running keeps its name; others get a new one.
func (a *arena) once(ctx context.Context, id string, who contender, around ...string) (float64, error) {
	if len(who.before) == 0 {
		id = a.id()
	}
	var total float64
	for _, command := range who.timed {
		took, err := a.do(ctx, id, command, around...)
		if err != nil {
			return 0, err
		}
		total += took.Seconds()
	}
	return total, nil
}

// peaks is the most memory that each contender's commands had at once, in bytes, as the kernel counts it for a cgroup that is new each time: processes, what
// they had in caches, and what the kernel itself used for them. Runtimes put a container elsewhere; its first pages are theirs.
func (a *arena) peaks(ctx context.Context, c contest, runs int) []figure {
	figures := make([]figure, len(c.contenders))
	for i, who := range c.contenders {
		figures[i].Program = who.program
		id := a.id()
		if err := a.all(ctx, id, who.before); err != nil {
			figures[i].Why = err.Error()
		}
		for range runs {
			if figures[i].Why != "" {
				break
			}
			peak, err := a.peak(ctx, id, who)
			if err != nil {
				figures[i].Why = err.Error()
				break
			}
			figures[i].Samples = append(figures[i].Samples, peak)
		}
		for _, command := range who.after {
			_, _ = a.do(context.WithoutCancel(ctx), id, command)
		}
		figures[i].finish()
	}
	return figures
}

// peak runs the commands in a new cgroup. A shell goes there and becomes the command, whose memory is counted from its first page.
func (a *arena) peak(ctx context.Context, id string, who contender) (_ float64, err error) {
	mount, file := "/sys/fs/cgroup/memory", "memory.max_usage_in_bytes"
	if _, err := os.Stat(mount); err != nil {
		mount, file = "/sys/fs/cgroup", "memory.peak"
	}
	dir := filepath.Join(mount, a.cgroup, a.id())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rmdir(dir)) }()
	if _, err := a.once(ctx, id, who, "/bin/sh", "-c", `echo $$ >"$0" && exec "$@"`, filepath.Join(dir, "cgroup.procs")); err != nil {
		return 0, err
	}
	n := readNumber(filepath.Join(dir, file))
	if n == 0 {
		return 0, fmt.Errorf("%s: the kernel has no such count", file)
	}
	return float64(n), nil
}

// rmdir removes a cgroup as soon as it is empty.
func rmdir(dir string) error {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		if err := unix.Rmdir(dir); err != unix.EBUSY || time.Now().After(deadline) {
			return err
		}
	}
}
