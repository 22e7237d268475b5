package rootfs_test

import (
	"context"
	"debug/elf"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"stave/internal/script"
	"stave/toolbox/rootfs"
)

func TestMain(m *testing.M) { script.Main(m, nil) }

func build(t *testing.T, opts rootfs.Options) string {
	t.Helper()
	script.Need(t, "source")
	dir := filepath.Join(t.TempDir(), "sub", "rootfs")
	if err := rootfs.Build(context.Background(), dir, opts); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestBuild looks at a root filesystem that was made with a umask that forbids everything to others.
func TestBuild(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	dir := build(t, rootfs.Options{})
	for name, want := range map[string]fs.FileMode{
		".": fs.ModeDir | 0o755, "tmp": fs.ModeDir | fs.ModeSticky | 0o777, "var/tmp": fs.ModeDir | fs.ModeSticky | 0o777,
		"root": fs.ModeDir | 0o700, "proc": fs.ModeDir | 0o555, "bin/toolbox": 0o755, "etc/passwd": 0o644,
	} {
		info, err := os.Lstat(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		} else if info.Mode() != want {
			t.Errorf("%s has mode %v; it should be %v", name, info.Mode(), want)
		}
	}
	for _, name := range append(rootfs.Commands(), "../sbin/sh", "../usr/bin/env", "../usr/sbin/ip") {
		path := filepath.Join(dir, "bin", name)
		if target, err := filepath.EvalSymlinks(path); err != nil || filepath.Base(target) != "toolbox" {
			t.Errorf("%s leads to %q, %v", path, target, err)
		}
	}
	passwd, err := os.ReadFile(filepath.Join(dir, "etc", "passwd"))
	if err != nil || !strings.Contains(string(passwd), "\nstudent:x:1000:1000:") {
		t.Errorf("in /etc/passwd is %q, %v", passwd, err)
	}
	left, err := os.ReadDir(filepath.Dir(dir))
	if err != nil || len(left) != 1 {
		t.Errorf("beside the root filesystem there is %v, %v", left, err)
	}
}

// TestTheBinary is static, for the machine that was asked for, and small.
func TestTheBinary(t *testing.T) {
	const most = 10 << 20
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		t.Run(arch, func(t *testing.T) {
			path := filepath.Join(build(t, rootfs.Options{Arch: arch}), "bin", "toolbox")
			binary, err := elf.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer binary.Close()
			if binary.Machine != machine {
				t.Errorf("it is for %v", binary.Machine)
			}
			for _, p := range binary.Progs {
				if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
					t.Errorf("it is not static: %v", p.Type)
				}
			}
			info, err := os.Stat(path)
			if err != nil || info.Size() > most {
				t.Errorf("it has %d bytes, %v; at most there should be %d", info.Size(), err, most)
			}
		})
	}
}

func TestBuildTakesOnlyAnEmptyDirectory(t *testing.T) {
	script.Need(t, "source")
	dir := t.TempDir()
	if err := rootfs.Build(context.Background(), dir, rootfs.Options{}); err != nil {
		t.Errorf("an empty directory is refused: %v", err)
	}
	if err := rootfs.Build(context.Background(), dir, rootfs.Options{}); !errors.Is(err, rootfs.ErrNotEmpty) {
		t.Errorf("a directory with something in it is taken: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := rootfs.Build(context.Background(), file, rootfs.Options{}); err == nil {
		t.Error("a file is taken")
	}
	if err := rootfs.Build(context.Background(), filepath.Join(t.TempDir(), "x"), rootfs.Options{Arch: "mips"}); err == nil {
		t.Error("a machine that nobody has tried is taken")
	}
}

// canceller cancels when it is told that building begins.
type canceller struct{ cancel context.CancelFunc }

func (c canceller) Write(p []byte) (int, error) {
	c.cancel()
	return len(p), nil
}

func TestCancelledBuildLeavesNothing(t *testing.T) {
	script.Need(t, "source")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	parent := t.TempDir()
	err := rootfs.Build(ctx, filepath.Join(parent, "rootfs"), rootfs.Options{Log: canceller{cancel}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("it says %v", err)
	}
	if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
		t.Errorf("there is %v, %v", left, err)
	}
}

// TestVersion is the same for the same source, and another for another.
func TestVersion(t *testing.T) {
	module := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(module, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]string{}
	expect := func(change string, same bool) {
		t.Helper()
		key, err := rootfs.VersionOf(module, "amd64")
		if err != nil {
			t.Fatal(err)
		}
		if before, known := seen[key]; known != same {
			t.Errorf("after %s the key is %s, as after %q", change, key, before)
		}
		seen[key] = change
	}
	write("go.mod", "module stave\n")
	write("go.sum", "")
	write("toolbox/box/main.go", "package main\n")
	expect("nothing", false)
	expect("nothing again", true)
	write("toolbox/box/main.go", "package main // changed\n")
	expect("a change to a file", false)
	write("toolbox/cmd/new/new.go", "package new\n")
	expect("a new file", false)
	write("go.sum", "some/module v1.0.0\n")
	expect("a change of a module's version", false)
	write("toolbox/box/main_test.go", "package main\n")
	write("toolbox/box/notes.txt", "notes")
	expect("a test and a text", true)
	arm, err := rootfs.VersionOf(module, "arm64")
	if err != nil || seen[arm] != "" {
		t.Errorf("for arm64 the key is %s, %v, as after %q", arm, err, seen[arm])
	}
}

// TestVersionOfThisSource can be had from any directory.
func TestVersionOfThisSource(t *testing.T) {
	script.Need(t, "source")
	here, err := rootfs.Version()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if there, err := rootfs.Version(); err != nil || there != here {
		t.Errorf("here it is %s, and there %s, %v", here, there, err)
	}
}

// TestLinksNothingBig: what imports this package is the stave command, which has to start fast.
func TestLinksNothingBig(t *testing.T) {
	script.Need(t, "source")
	out, err := exec.Command("go", "list", "-deps", "stave/toolbox/rootfs").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.FieldsSeq(string(out)) {
		first, _, _ := strings.Cut(name, "/")
		if strings.Contains(first, ".") || strings.HasPrefix(name, "stave/") && name != "stave/toolbox/rootfs" {
			t.Errorf("it imports %s", name)
		}
	}
}

func BenchmarkVersion(b *testing.B) {
	for b.Loop() {
		if _, err := rootfs.Version(); err != nil {
			b.Fatal(err)
		}
	}
}
