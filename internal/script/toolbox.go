package script

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"stave/toolbox/rootfs"
)

func putRootfs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 {
		ts.Fatalf("usage: rootfs [DIR]")
	}
	shared, err := Toolbox()
	ts.Check(err)
	ts.Setenv("TOOLBOX", shared)
	if len(args) == 1 {
		ts.Check(copyTree(shared, ts.MkAbs(args[0])))
	}
}

// Toolbox is a toolbox root filesystem that nobody may write to. It is built once for each run of go test, however many
// packages ask for it, and goes when the run ends.
var Toolbox = sync.OnceValues(func() (string, error) {
	if dir := os.Getenv("STAVE_TOOLBOX"); dir != "" {
		return dir, nil
	}
	cache, err := runCache()
	if err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(cache, "toolbox.lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	dir := filepath.Join(cache, "toolbox")
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return dir, err
	}
	var log strings.Builder
	if err := rootfs.Build(context.Background(), dir, rootfs.Options{Log: &log}); err != nil {
		return "", fmt.Errorf("building the toolbox: %w\n%s", err, log.String())
	}
	return dir, nil
})

// private is the cache of a test binary that go test didn't start; it goes with the process.
var private struct {
	mu  sync.Mutex
	dir string
}

func runCache() (string, error) {
	if dir := goWorkDir(); dir != "" {
		return dir, nil
	}
	private.mu.Lock()
	defer private.mu.Unlock()
	var err error
	if private.dir == "" {
		private.dir, err = os.MkdirTemp("", "stave-test-")
	}
	return private.dir, err
}

func removePrivateCache() {
	private.mu.Lock()
	defer private.mu.Unlock()
	if private.dir != "" {
		os.RemoveAll(private.dir)
	}
}

// lock waits for its turn among processes; flock(2).
func lock(file string) (unlock func(), err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX); err != unix.EINTR {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("locking %s: %w", file, err)
	}
	return func() { f.Close() }, nil
}

// copyTree copies directories, files and symbolic links with their modes. Hard links would be quicker, but a script that
// wrote to one would write to every other script's root filesystem.
func copyTree(from, to string) error {
	type directory struct {
		path string
		mode fs.FileMode
	}
	var made []directory
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		switch {
		case d.IsDir():
			made = append(made, directory{target, info.Mode()})
			return os.MkdirAll(target, 0o700)
		case d.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		default:
			return copyFile(path, target, info.Mode())
		}
	})
	if err != nil {
		return err
	}
	// Modes last: some directories of a root filesystem are not writable, not even for their owner.
	for _, d := range made {
		if err := os.Chmod(d.path, d.mode); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string, mode fs.FileMode) error {
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, r); err != nil {
		w.Close()
		return err
	}
	if err := w.Chmod(mode); err != nil {
		w.Close()
		return err
	}
	return w.Close()
}

// goEnvironment is what the go command needs to find its caches from a script, whose HOME is another.
var goEnvironment = sync.OnceValue(func() map[string]string {
	env := make(map[string]string)
	out, err := exec.Command("go", "env", "-json", "GOENV", "GOCACHE", "GOPATH", "GOMODCACHE", "GOFLAGS", "GOPROXY", "GOSUMDB", "GOTOOLCHAIN").Output()
	if err != nil {
		return env // no go command, so no script runs it
	}
	if err := json.Unmarshal(out, &env); err != nil {
		panic(fmt.Sprintf("reading go env -json: %v", err))
	}
	return env
})
