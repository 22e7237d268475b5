package book

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"stave/internal/files"
	"stave/internal/host"
)

// stage is where a page's transcripts run, one after the other: a fresh copy of the repository's files, a home, and a
// shell for each of the two kinds of them.
type stage struct {
	dir      string
	git      string   // the repository's .git, where it has one
	before   []string // strangers, before anything was typed
	env      []string
	patience time.Duration     // with a command
	sessions map[bool]*session // of root, and as the user is
	broken   map[bool]string   // why there is no such session any more
}

// newStage makes a stage below a directory of its own in the one for temporary files.
func (b *Book) newStage() (*stage, error) {
	temporary, err := filepath.Abs(os.TempDir())
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(temporary, "stave-book-")
	if err != nil {
		return nil, err
	}
	s := &stage{dir: dir, patience: b.patience, sessions: make(map[bool]*session), broken: make(map[bool]string)}
	if err := s.furnish(b.root); err != nil {
		return nil, errors.Join(fmt.Errorf("preparing a directory for transcripts: %w", err), os.RemoveAll(dir))
	}
	if s.git, err = filepath.Abs(filepath.Join(b.root, ".git")); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s.before = s.strangers()
	return s, nil
}

// top is the copy of the repository.
func (s *stage) top() string { return filepath.Join(s.dir, "stave") }

func (s *stage) furnish(root string) error {
	// Containers have users of their own, who go through it.
	if err := os.Chmod(s.dir, 0o755); err != nil { //nolint:forbidigo // MkdirTemp has just made it
		return err
	}
	home := filepath.Join(s.dir, "home")
	own := map[string]string{
		"HOME":            home,
		"XDG_DATA_HOME":   filepath.Join(home, ".local", "share"),
		"XDG_STATE_HOME":  filepath.Join(home, ".local", "state"),
		"XDG_CONFIG_HOME": filepath.Join(home, ".config"),
		"XDG_CACHE_HOME":  filepath.Join(home, ".cache"),
		"XDG_RUNTIME_DIR": filepath.Join(s.dir, "run"),
		"TMPDIR":          filepath.Join(s.dir, "tmp"),
	}
	for _, dir := range own {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	own["STAVE_ROOT"] = filepath.Join(s.dir, "stave-root") // stave makes it when it needs it
	own["LANG"] = "C.UTF-8"
	own["PATH"] = os.Getenv("PATH")
	if bin, err := putSubstitute(s.dir); err != nil {
		return err
	} else if bin != "" {
		own["PATH"] = bin + ":" + own["PATH"]
	}
	for _, name := range []string{"USER", "LOGNAME", "STAVE_SLOW", "STAVE_TOOLBOX", builtVariable} {
		if value, ok := os.LookupEnv(name); ok {
			own[name] = value
		}
	}
	for name, value := range goEnvironment() {
		own[name] = value
	}
	for name, value := range own {
		s.env = append(s.env, name+"="+value)
	}
	return copyRepository(root, s.top())
}

// goEnvironment is what the go command needs to find its caches, though its HOME is another.
func goEnvironment() map[string]string {
	env := make(map[string]string)
	out, err := exec.Command("go", "env", "-json", "GOENV", "GOCACHE", "GOPATH", "GOMODCACHE", "GOFLAGS", "GOPROXY", "GOSUMDB", "GOTOOLCHAIN").Output()
	if err != nil || json.Unmarshal(out, &env) != nil {
		return nil // there is no go command
	}
	return env
}

// copyRepository copies the files that git knows or would add; where there is no git, all but what is known to be
// somebody's work or built.
func copyRepository(from, to string) error {
	list, err := repositoryFiles(from)
	if err != nil {
		return err
	}
	for _, name := range list {
		file := filepath.Join(from, name)
		info, err := os.Stat(file)
		if errors.Is(err, fs.ErrNotExist) { // git knows it all the same
			continue
		}
		if err == nil && info.Mode().IsRegular() {
			err = files.Copy(file, filepath.Join(to, name), info.Mode())
		}
		if err != nil {
			return err
		}
	}
	return os.MkdirAll(to, 0o755)
}

func repositoryFiles(root string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(root, ".git")); err == nil {
		// The repository may be another user's, who trusts us: we were asked to run its code.
		git := exec.Command("git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
		if out, err := git.Output(); err == nil {
			return names(out), nil
		}
	}
	var list []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir() && slices.Contains([]string{".git", "work", "rootfs"}, name):
			return fs.SkipDir
		case d.Type().IsRegular():
			list = append(list, name)
		}
		return nil
	})
	return list, err
}

// names are those that git has listed with -z.
func names(out []byte) []string {
	return slices.DeleteFunc(strings.Split(string(out), "\x00"), func(name string) bool { return name == "" })
}

// run runs a command in the session for its kind of transcript and returns the lines that came out.
func (s *stage) run(ctx context.Context, typed string, asUser, apart bool) ([]string, error) {
	if why := s.broken[asUser]; why != "" {
		return nil, fmt.Errorf("not run: %s", why)
	}
	if s.sessions[asUser] == nil {
		session, err := startSession(s.top(), s.env, !asUser, apart)
		if err != nil {
			return nil, err
		}
		s.sessions[asUser] = session
	}
	patience := host.Slow(s.patience)
	if strings.HasPrefix(typed, "go ") {
		patience *= 5 // it may have to compile
	}
	output, err := s.sessions[asUser].run(ctx, typed, patience)
	if err != nil {
		s.broken[asUser] = fmt.Sprintf("before it, %s %v", brief(typed), err)
		return nil, fmt.Errorf("%s %w, and printed until then: %q", brief(typed), err, output)
	}
	return outputLines(output), nil
}

// brief is the first line of what is typed.
func brief(typed string) string {
	if first, _, more := strings.Cut(typed, "\n"); more {
		return strconv.Quote(first) + anything
	}
	return strconv.Quote(typed)
}

// outputLines takes an output apart, without blanks at the ends of lines: editors remove those, and nobody sees them.
func outputLines(output string) []string {
	if output == "" {
		return nil
	}
	lines := strings.Split(strings.TrimSuffix(output, "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \t\r")
	}
	return lines
}

// close ends the sessions, removes everything, and says in words what was left behind.
func (s *stage) close() (left []string, err error) {
	for _, session := range s.sessions {
		session.end()
	}
	if len(s.broken) == 0 { // else a command that never ends is among them, as has been said
		for _, process := range s.remaining(host.Slow(host.Patience)) {
			left = append(left, fmt.Sprintf("%s was still running after the last transcript", process))
		}
		for _, name := range s.strangers() {
			if !slices.Contains(s.before, name) {
				left = append(left, fmt.Sprintf("%s is left behind: whoever types the next chapter, or this one again, does it in the same directory", name))
			}
		}
	}
	s.kill()
	if more := host.Leftovers(s.dir); len(more) > 0 {
		// A mount may be among it: what that shows must not be removed with the directory.
		return append(left, more...), nil
	}
	return left, removeAll(s.dir)
}

// removeAll also removes directories that their owner may not write to, such as a root filesystem's and overlayfs's.
func removeAll(dir string) error {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && err == nil {
			return os.Chmod(path, 0o700) //nolint:forbidigo // whoever could exchange it for a link has been ended
		}
		return nil // what can't be looked at may still be removed
	})
	return errors.Join(err, os.RemoveAll(dir))
}
