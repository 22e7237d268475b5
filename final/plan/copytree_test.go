package plan

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func openPath(t *testing.T, dir string) int {
	t.Helper()
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestCopyTree(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	at := func(name string) string { return filepath.Join(from, name) }
	old := time.Unix(1_000_000_000, 500)
	must(t,
		os.MkdirAll(at("d/e"), 0o755), os.WriteFile(at("d/file"), []byte("text"), 0o600), os.Chmod(at("d/file"), 0o4751),
		os.Link(at("d/file"), at("again")), os.Symlink("/etc/passwd", at("link")), unix.Mkfifo(at("fifo"), 0o640),
		os.WriteFile(at("d/e/secret"), nil, 0o400), os.Chmod(at("d/e"), 0o500), os.Chtimes(at("d"), old, old))
	t.Cleanup(func() { // or an ordinary user couldn't remove what is in it
		_ = os.Chmod(at("d/e"), 0o700)
		_ = os.Chmod(filepath.Join(to, "d/e"), 0o700)
	})
	root := os.Geteuid() == 0
	if root {
		must(t, unix.Mknod(at("null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))), os.Lchown(at("link"), 7, 8), os.Chown(at("d/e"), 5, 6))
	}
	xattrs := unix.Setxattr(at("fifo"), "trusted.test", []byte("v"), 0) == nil
	must(t, copyTree(openPath(t, from), openPath(t, to)))

	for _, name := range []string{"d", "d/e", "d/e/secret", "d/file", "again", "link", "fifo", "null"} {
		a, err1 := os.Lstat(at(name))
		b, err2 := os.Lstat(filepath.Join(to, name))
		if err1 != nil && !root {
			continue
		}
		must(t, err1, err2)
		x, y := a.Sys().(*syscall.Stat_t), b.Sys().(*syscall.Stat_t)
		if x.Mode != y.Mode || x.Uid != y.Uid || x.Gid != y.Gid || x.Rdev != y.Rdev || x.Nlink != y.Nlink || x.Mtim != y.Mtim {
			t.Errorf("%s: %+v became %+v", name, x, y)
		}
	}
	if b, err := os.ReadFile(filepath.Join(to, "again")); err != nil || string(b) != "text" {
		t.Errorf("got %q, %v", b, err)
	}
	if target, err := os.Readlink(filepath.Join(to, "link")); err != nil || target != "/etc/passwd" {
		t.Errorf("got %q, %v", target, err)
	}
	if xattrs {
		b := make([]byte, 8)
		if n, err := unix.Getxattr(filepath.Join(to, "fifo"), "trusted.test", b); err != nil || string(b[:n]) != "v" {
			t.Errorf("got %q, %v", b[:max(n, 0)], err)
		}
	}
	if err := copyTree(openPath(t, from), openPath(t, to)); err == nil {
		t.Error("what is there was written over")
	}
}

// A link in the destination's place of a directory must lead nowhere.
func TestCopyTreeFollowsNothing(t *testing.T) {
	from, to, outside := t.TempDir(), t.TempDir(), t.TempDir()
	must(t, os.WriteFile(filepath.Join(from, "file"), []byte("text"), 0o644), os.Symlink(filepath.Join(outside, "file"), filepath.Join(to, "file")))
	if err := copyTree(openPath(t, from), openPath(t, to)); err == nil {
		t.Error("a file was written where a link was")
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 0 {
		t.Errorf("outside there is %v, %v", entries, err)
	}
}
