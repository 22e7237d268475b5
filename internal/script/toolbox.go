package script

import (
	"context"
	"encoding/json"
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

	"stave/internal/files"
	"stave/toolbox/rootfs"
)

func putRootfs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 {
		ts.Fatalf("usage: rootfs [DIR]")
	}
	shared, err := Toolbox()
	ts.Check(err)
	setVariable(ts, "TOOLBOX", shared)
	if len(args) == 1 {
		ts.Check(copyTree(shared, ts.MkAbs(args[0])))
	}
}

// Toolbox is a toolbox root filesystem that nobody may write to. It is built once for each run of go test, however many
// packages ask for it, and goes when the run ends. A program that go test hasn't started gets a copy of its own of one in
// the user's cache, so that what a learner's program does to it harms nobody later.
var Toolbox = sync.OnceValues(func() (string, error) {
	if dir := os.Getenv("STAVE_TOOLBOX"); dir != "" {
		return dir, nil
	}
	if cache := goWorkDir(); cache != "" {
		dir := filepath.Join(cache, "toolbox")
		unlock, err := build(dir, nil)
		if err != nil {
			return "", err
		}
		unlock()
		return dir, nil
	}
	own, err := privateDir()
	if err != nil {
		return "", err
	}
	own = filepath.Join(own, "toolbox")
	kept, unlock, err := keptToolbox()
	if err != nil {
		// No cache, or one that somebody else has made: there is still a way.
		unlock, err := build(own, os.Stderr)
		if err != nil {
			return "", err
		}
		unlock()
		return own, nil
	}
	defer unlock()
	return own, copyTree(kept, own)
})

// build makes a toolbox root filesystem at dir unless there is one, and tells a person who waits for it. Nobody else can
// change it before unlock.
func build(dir string, person io.Writer) (unlock func(), err error) {
	unlock, err = lock(dir + lockSuffix)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(dir); err == nil {
		return unlock, nil
	}
	if err := rootfs.Build(context.Background(), dir, rootfs.Options{Log: person}); err != nil {
		unlock()
		return nil, fmt.Errorf("building the toolbox: %w", err)
	}
	return unlock, nil
}

// keptToolbox is the one in the user's cache.
func keptToolbox() (dir string, unlock func(), err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", nil, err
	}
	version, err := rootfs.Version()
	if err != nil {
		return "", nil, err
	}
	cache = filepath.Join(cache, "stave")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", nil, err
	}
	const enough = 16 // of the digest's 64 characters
	const prefix = "toolbox-"
	dir = filepath.Join(cache, prefix+version[:enough])
	_, missing := os.Stat(dir)
	if unlock, err = build(dir, os.Stderr); err == nil && missing != nil {
		removeOthers(filepath.Join(cache, prefix), dir)
	}
	return dir, unlock, err
}

// removeOthers removes the toolboxes of other versions, their names beginning with prefix, but one that is being copied or
// built. What can't be removed stays.
func removeOthers(prefix, kept string) {
	locks, _ := filepath.Glob(prefix + "*" + lockSuffix) // the pattern is good
	for _, file := range locks {
		dir := strings.TrimSuffix(file, lockSuffix)
		if dir == kept {
			continue
		}
		unlock, err := tryLock(file)
		if err != nil {
			continue
		}
		if os.RemoveAll(dir) == nil {
			os.Remove(file)
		}
		unlock()
	}
}

// private is a directory of a process that go test hasn't started. It goes with the process.
var private struct {
	mu  sync.Mutex
	dir string
}

func privateDir() (string, error) {
	private.mu.Lock()
	defer private.mu.Unlock()
	var err error
	if private.dir == "" {
		private.dir, err = os.MkdirTemp("", "stave-test-")
	}
	return private.dir, err
}

// Clean removes what this process has made for its scripts. Main does it by itself.
func Clean() {
	private.mu.Lock()
	defer private.mu.Unlock()
	if private.dir != "" {
		os.RemoveAll(private.dir)
	}
}

// lockSuffix makes of a directory's name that of the file which is locked for it.
const lockSuffix = ".lock"

// lock waits for its turn among processes; flock(2).
func lock(file string) (unlock func(), err error) { return flock(file, unix.LOCK_EX) }

// tryLock fails if it is another's turn.
func tryLock(file string) (unlock func(), err error) { return flock(file, unix.LOCK_EX|unix.LOCK_NB) }

func flock(file string, how int) (unlock func(), err error) {
	for {
		f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, err
		}
		for {
			if err = unix.Flock(int(f.Fd()), how); err != unix.EINTR {
				break
			}
		}
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("locking %s: %w", file, err)
		}
		// Whoever had it before may have removed it.
		if locked, err := f.Stat(); err == nil {
			if there, err := os.Stat(file); err == nil && os.SameFile(locked, there) {
				return func() { f.Close() }, nil
			}
		}
		f.Close()
	}
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
			return files.Copy(path, target, info.Mode())
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
