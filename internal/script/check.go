package script

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"stave/internal/host"
)

// Options of Check.
type Options struct {
	File     string        // the script
	Programs string        // a directory with the programs it runs by name; see ProgramsDir
	Patience time.Duration // after that what it has started is killed

	// Setup, if not nil, is called with the script's directory before the first command. What it returns is called after
	// the last.
	Setup func(work string) (end func(), err error)
}

// Outcome is what became of a script that Check ran.
type Outcome struct {
	Failed    bool
	Skipped   *Record           // what the machine lacks, or nil
	TimedOut  bool              // its patience was at an end
	Log       string            // testscript's, in full
	Complaint string            // of testscript, if it failed: "unexpected command failure"
	Line      int               // of the script where that was, from 1; 0 before the first
	Left      []string          // what was found wrong after the script, such as processes left behind
	Variables map[string]string // those that commands of ours have set, such as random's
}

// Check runs one script outside go test, in the same language and with the same watch as Run. When the context ends, as
// when patience does, all that the script has started is killed.
func Check(ctx context.Context, o Options) (Outcome, error) {
	if err := checkSpelling(o.File); err != nil {
		return Outcome{}, err
	}
	dir, err := os.MkdirTemp("", "stave-check-")
	if err != nil {
		return Outcome{}, err
	}
	defer os.RemoveAll(dir)
	// The name is in the log where the script fails. No program can print it by chance.
	file := filepath.Join(dir, filepath.Base(dir)+".txtar")
	text, err := os.ReadFile(o.File)
	if err != nil {
		return Outcome{}, err
	}
	names, err := programs(o.Programs)
	if err != nil {
		return Outcome{}, err
	}
	if err := os.WriteFile(file, []byte(explicit(string(text), names)), 0o600); err != nil {
		return Outcome{}, err
	}
	p := language()
	p.Files = []string{file}
	c := &check{name: filepath.Base(o.File), outcome: Outcome{Variables: make(map[string]string)}}
	p.Setup = func(env *testscript.Env) error {
		env.Setenv("PATH", o.Programs+":"+os.Getenv("PATH"))
		c.Cleanup(func() { // the last of all: what is left has been reported by then
			c.sweep(env.WorkDir)
			os.RemoveAll(filepath.Dir(env.WorkDir)) // testscript has made it for this script alone
		})
		if err := setUp(env); err != nil {
			return err
		}
		if o.Setup != nil {
			end, err := o.Setup(env.WorkDir)
			if err != nil {
				return err
			}
			env.Defer(end)
		}
		c.Cleanup(c.killAfter(ctx, o.Patience, env.WorkDir))
		// What has failed may have something in the background that nobody will end, and testscript waits for it.
		env.Defer(func() {
			if c.outcome.Failed {
				c.sweep(env.WorkDir)
			}
		})
		return nil
	}
	c.Run("", func(t testscript.T) { testscript.RunT(t, p) })
	if err := ctx.Err(); err != nil {
		return Outcome{}, err
	}
	c.findComplaint(file)
	if c.outcome.Line == 0 && c.outcome.Complaint != "" {
		return Outcome{}, fmt.Errorf("preparing a check: %s", c.outcome.Complaint)
	}
	// A script that wanted a command to fail may have gone on after that was killed.
	c.outcome.Failed = c.outcome.Failed || c.outcome.TimedOut
	return c.outcome, nil
}

// programs are the names of what is in a directory.
func programs(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		names = append(names, regexp.QuoteMeta(e.Name()))
	}
	return names, nil
}

// explicit puts exec before programs that a script runs by name, as testscript.Main has it for those of a test.
func explicit(text string, names []string) string {
	if len(names) == 0 {
		return text
	}
	command := regexp.MustCompile(`^(\s*(?:\[[^]]*\]\s*)*(?:!\s+)?)((?:` + strings.Join(names, "|") + `)(?:\s.*)?)$`)
	script, files, _ := strings.Cut("\n"+text, "\n-- ")
	lines := strings.Split(script[1:], "\n")
	for i, line := range lines {
		lines[i] = command.ReplaceAllString(line, "${1}exec ${2}")
	}
	script = strings.Join(lines, "\n")
	if files != "" {
		script += "\n-- " + files
	}
	return script
}

// check is who runs a script outside go test. It ends a script by a panic that Run catches.
type check struct {
	name     string
	outcome  Outcome
	cleanups []func()

	mu      sync.Mutex
	cgroups []string // of what has been killed
}

var errEnded = errors.New("the script has ended")

func (c *check) Name() string              { return c.name }
func (c *check) Helper()                   {}
func (c *check) Parallel()                 {}
func (c *check) Verbose() bool             { return true } // otherwise the log keeps only the last phase
func (c *check) Cleanup(f func())          { c.cleanups = append(c.cleanups, f) }
func (c *check) Log(args ...any)           { c.outcome.Log += fmt.Sprint(args...) }
func (c *check) Skip(args ...any)          { c.skip("", fmt.Sprint(args...)) }
func (c *check) FailNow()                  { c.outcome.Failed = true; panic(errEnded) }
func (c *check) Fatal(args ...any)         { c.Errorf("%s", fmt.Sprint(args...)); panic(errEnded) }
func (c *check) Fatalf(f string, a ...any) { c.Errorf(f, a...); panic(errEnded) }

// Errorf is for what goes wrong beside the script.
func (c *check) Errorf(format string, args ...any) {
	c.outcome.Failed = true
	c.outcome.Left = append(c.outcome.Left, fmt.Sprintf(format, args...))
}

func (c *check) skip(condition, reason string) {
	c.outcome.Skipped = &Record{Test: c.name, Condition: condition, Reason: reason}
	panic(errEnded)
}

// Run runs the script, and after it the cleanups, the last first.
func (c *check) Run(_ string, f func(testscript.T)) {
	defer func() {
		for len(c.cleanups) > 0 {
			last := c.cleanups[len(c.cleanups)-1]
			c.cleanups = c.cleanups[:len(c.cleanups)-1]
			c.protect(last)
		}
	}()
	c.protect(func() { f(c) })
}

func (c *check) protect(f func()) {
	defer func() {
		if e := recover(); e != nil && e != errEnded {
			panic(e)
		}
	}()
	f()
}

// killAfter sees to the script's end once its patience is at an end, or ctx is: from then on whatever runs in its directory
// is killed, until stop is called.
func (c *check) killAfter(ctx context.Context, patience time.Duration, dir string) (stop func()) {
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-ended:
			return
		case <-ctx.Done():
		case <-time.After(patience):
			c.outcome.TimedOut = true // nobody reads it before stop
		}
		for {
			c.kill(dir)
			select {
			case <-ended:
				return
			case <-time.After(pollInterval):
			}
		}
	}()
	return func() {
		close(ended)
		<-done
	}
}

// kill ends what mentions dir, and reports whether there was anything. A program's children, and whoever is in a pid
// namespace of theirs, mention it by inheritance.
func (c *check) kill(dir string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	tied, err := host.Tied(dir)
	if err != nil || len(tied) == 0 {
		return false
	}
	if cgroups, err := host.CgroupsOf(tied); err == nil {
		c.cgroups = append(c.cgroups, cgroups...)
	}
	for _, cgroup := range c.cgroups {
		host.Thaw(cgroup)
	}
	for _, p := range tied {
		_ = p.Kill() // it may have gone, which is what is wanted
	}
	return true
}

// sweep ends what mentions dir, waits until nothing does, and removes the cgroups that those who were killed couldn't remove.
func (c *check) sweep(dir string) {
	for deadline := time.Now().Add(host.Slow(host.Patience)); c.kill(dir) && time.Now().Before(deadline); {
		time.Sleep(pollInterval)
	}
	c.mu.Lock()
	cgroups := slices.Clone(c.cgroups)
	c.mu.Unlock()
	slices.Sort(cgroups)
	for _, cgroup := range slices.Compact(cgroups) {
		if err := host.RemoveCgroup(cgroup); err != nil {
			c.Errorf("%v", err)
		}
	}
}

// findComplaint takes apart testscript's "FAIL: file:line: what".
func (c *check) findComplaint(file string) {
	_, rest, ok := strings.Cut(c.outcome.Log, "FAIL: "+file+":")
	if !ok {
		return
	}
	number, complaint, _ := strings.Cut(rest, ": ")
	complaint, _, _ = strings.Cut(complaint, "\n")
	if _, err := fmt.Sscan(number, &c.outcome.Line); err == nil {
		c.outcome.Complaint = complaint
	}
}

// ProgramsDir makes a directory of programs for Check below parent: those given, by name, as links to where they are, and
// as-root and as-user, which are this very binary under those names. Its main has to call AsRoot or AsUser if it is started so.
func ProgramsDir(parent string, programs map[string]string) (string, error) {
	dir := filepath.Join(parent, "bin")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	for _, name := range []string{"as-root", "as-user"} {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			return "", err
		}
	}
	for name, path := range programs {
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			return "", err
		}
	}
	return dir, unix.Access(dir, unix.X_OK)
}
