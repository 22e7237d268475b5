package script

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"

	"stave/internal/host"
)

// Run runs every *.txtar in dir, in parallel, but those that are named without the ending. After each the machine must be as
// it was; see package host.
func Run(t *testing.T, dir string, except ...string) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	all := len(files)
	files = slices.DeleteFunc(files, func(file string) bool {
		return slices.Contains(except, strings.TrimSuffix(filepath.Base(file), ".txtar"))
	})
	if all-len(files) != len(except) {
		t.Fatalf("%s doesn't have all of %q", dir, except)
	}
	for _, file := range files {
		if err := checkSpelling(file); err != nil {
			t.Fatal(err)
		}
	}
	p := language()
	p.Files = files
	testscript.Run(t, p)
}

// language is what a script may say and the home it gets, whoever runs it: Run in a test, or Check for a learner.
func language() testscript.Params {
	return testscript.Params{
		Setup:              setUp,
		Condition:          Holds,
		RequireUniqueNames: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"need":       need,
			"exits":      exits,
			"eventually": eventually,
			"random":     random,
			"registry":   serveRegistry,
			"rootfs":     putRootfs,
		},
	}
}

// runner is who runs a script: a test's *testing.T, or a check.
type runner interface {
	host.T
	Skip(args ...any)
}

// runnerKey finds the script's runner among testscript's values.
type runnerKey struct{}

// endsEarly finds testscript's own skip and stop at the start of a line, conditions aside.
var endsEarly = regexp.MustCompile(`^\s*(\[[^]]*\]\s*)*(skip|stop)\b`)

func checkSpelling(file string) error {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		return err
	}
	for i, line := range strings.Split(string(archive.Comment), "\n") {
		if m := endsEarly.FindStringSubmatch(line); m != nil {
			return fmt.Errorf("%s:%d: %s: a script that ends early looks as if it had passed: use need, which is counted", file, i+1, m[2])
		}
	}
	return nil
}

// setUp gives a script a home of its own and puts the watch over it.
func setUp(env *testscript.Env) error {
	t := env.T().(runner)
	env.Values[runnerKey{}] = t

	home := filepath.Join(env.WorkDir, ".home")
	dirs := map[string]string{
		"HOME":            home,
		"XDG_DATA_HOME":   filepath.Join(home, ".local", "share"),
		"XDG_STATE_HOME":  filepath.Join(home, ".local", "state"),
		"XDG_CONFIG_HOME": filepath.Join(home, ".config"),
		"XDG_CACHE_HOME":  filepath.Join(home, ".cache"),
		"XDG_RUNTIME_DIR": filepath.Join(env.WorkDir, ".run"),
	}
	for name, dir := range dirs {
		// 0700 is what the XDG base directory specification asks of XDG_RUNTIME_DIR.
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		env.Setenv(name, dir)
	}
	env.Setenv("STAVE_ROOT", filepath.Join(env.WorkDir, ".stave")) // stave makes it when it needs it
	for _, name := range []string{"STAVE_SLOW", "STAVE_TOOLBOX", "GORACE", "USER", "LOGNAME", "LANG"} {
		if value, ok := os.LookupEnv(name); ok {
			env.Setenv(name, value)
		}
	}
	for name, value := range goEnvironment() {
		env.Setenv(name, value)
	}

	t.Cleanup(func() { checkRemoved(t, env.WorkDir) })
	watch := host.Watch(t, env.WorkDir)
	// testscript removes $WORK before the watch looks. A mount left in there must be gone by then, or what it shows
	// would be removed with it.
	env.Defer(watch.DetachMounts)
	return nil
}

// checkRemoved fails the script if testscript couldn't remove its directory, which it keeps quiet about.
func checkRemoved(t host.T, work string) {
	if keep := flag.Lookup("testwork"); keep != nil && keep.Value.String() == "true" {
		return
	}
	if _, err := os.Lstat(work); err == nil {
		t.Errorf("%s could not be removed after the script: %v", work, os.RemoveAll(work))
	}
}
