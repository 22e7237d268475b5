package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A workshop is a directory with all that a benchmark makes. Nothing is made elsewhere.
type workshop struct {
	dir   string
	job   string // the program that is measured
	stave string // the command
	root  string // its images and containers
}

// openWorkshop compiles the programs, below the user's cache: /tmp is in memory on many machines, and no disk.
func openWorkshop(ctx context.Context) (w workshop, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return w, fmt.Errorf("looking for a place to work in: %w", err)
	}
	parent := filepath.Join(cache, "stave")
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return w, err
	}
	if w.dir, err = os.MkdirTemp(parent, "bench-"); err != nil {
		return w, err
	}
	w.job, w.stave, w.root = filepath.Join(w.dir, "job"), filepath.Join(w.dir, "stave"), filepath.Join(w.dir, "root")
	for program, pkg := range map[string]string{w.job: "stave/bench/job", w.stave: "stave/final"} {
		if err := compile(ctx, program, pkg); err != nil {
			return w, errors.Join(err, w.close())
		}
	}
	return w, nil
}

func compile(ctx context.Context, program, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-w", "-o", program, pkg)
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		cmd.Dir = filepath.Dir(file) // the source, wherever we were called
	}
	cmd.Cancel, cmd.WaitDelay = func() error { return cmd.Process.Signal(os.Interrupt) }, 5*time.Second // it removes what it has made
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")                                                     // the same file has to run where there is no library
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("compiling %s: %w: run this in Stave's source\n%s", pkg, err, out)
	}
	return nil
}

// close removes the directory. Files of an image may belong to ids that only stave can act for, so that it removes the image.
func (w workshop) close() error {
	if _, err := os.Stat(w.root); err == nil {
		_ = exec.Command(w.stave, "--root", w.root, "rmi", "toolbox").Run() // it may not have come to be
	}
	if err := os.RemoveAll(w.dir); err != nil {
		return leftError{w.dir, err}
	}
	return nil
}

// A leftError is what could not be cleared away.
type leftError struct {
	dir string
	err error
}

func (e leftError) Error() string {
	return fmt.Sprintf("removing %s: %v: remove it by hand", e.dir, e.err)
}
func (e leftError) Unwrap() error { return e.err }

// allocated is what a file or a tree takes on the disk, in bytes, as du(1) counts it: holes in a file take nothing, and a file with
// two names counts once. What can't be looked into (overlayfs keeps one such directory) counts without its content.
func allocated(path string) (int64, error) {
	type inode struct{ dev, ino uint64 }
	seen := map[inode]bool{}
	var total int64
	err := filepath.WalkDir(path, func(name string, _ fs.DirEntry, err error) error {
		var st unix.Stat_t
		if errors.Is(err, fs.ErrPermission) {
			return nil // its directory is counted already
		}
		if err != nil {
			return err
		}
		if err := unix.Lstat(name, &st); err != nil {
			return fmt.Errorf("looking at %s: %w", name, err)
		}
		if id := (inode{uint64(st.Dev), st.Ino}); !seen[id] {
			seen[id] = true
			total += st.Blocks * 512 // stat(2): whatever the filesystem's own block
		}
		return nil
	})
	return total, err
}

// copySparse copies a file and leaves its holes what they are; lseek(2), SEEK_DATA.
func copySparse(from, to string) error {
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	info, err := r.Stat()
	if err != nil {
		return err
	}
	w, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = copyData(w, r)
	return errors.Join(err, w.Truncate(info.Size()), w.Close())
}

func copyData(w, r *os.File) error {
	for at := int64(0); ; {
		data, err := r.Seek(at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return nil // holes up to the end
		}
		if err != nil {
			return err
		}
		if at, err = r.Seek(data, unix.SEEK_HOLE); err != nil {
			return err
		}
		if _, err := r.Seek(data, 0); err != nil {
			return err
		}
		if _, err := w.Seek(data, 0); err != nil {
			return err
		}
		if _, err := io.CopyN(w, r, at-data); err != nil {
			return err
		}
	}
}

// proportional is the memory of a process, in bytes, with its share of what it shares; proc_pid_smaps(5), Pss.
func proportional(pid int) (int64, error) {
	n := statField(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Pss:")
	if n == 0 {
		return 0, fmt.Errorf("reading how much memory process %d has: /proc/%d/smaps_rollup says nothing", pid, pid)
	}
	return n * 1024, nil
}

// available is the memory that programs could still have, in bytes; proc_meminfo(5), MemAvailable.
func available() int64 { return statField("/proc/meminfo", "MemAvailable:") * 1024 }

// statField reads one number of a file of lines such as "Pss: 120 kB". It is 0 if there is none.
func statField(file, key string) int64 {
	f, err := os.Open(file)
	if err != nil {
		return 0
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if words := strings.Fields(s.Text()); len(words) > 1 && words[0] == key {
			n, _ := strconv.ParseInt(words[1], 10, 64)
			return n
		}
	}
	return 0
}

func readNumber(file string) int64 {
	b, _ := os.ReadFile(file)
	n, _ := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	return n
}
