package main

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"stave/internal/files"
)

// packages whose programs the tests find in the virtual machine as on any Debian machine.
var packages = []string{
	"bash", "coreutils", "dash", "diffutils", "findutils", "grep", "gzip", "hostname", "iproute2", "libc-bin", "mawk", "mount",
	"procps", "sed", "tar", "uidmap", "util-linux",
}

// extras are other programs, taken along where this machine has them: those for containers, and what there is to systemd and AppArmor.
var extras = []string{
	"apparmor_parser", "busybox", "skopeo", "umoci", "strace",
	"systemd", "systemctl", "/usr/lib/systemd/systemd-executor", "/usr/lib/systemd/systemd-shutdown",
}

// copyPrograms puts the programs of those packages below root, with the shared libraries they are linked with.
func copyPrograms(ctx context.Context, root string) error {
	var programs []string
	for _, name := range packages {
		out, err := exec.CommandContext(ctx, "dpkg", "--listfiles", name).Output()
		if err != nil {
			return fmt.Errorf("looking for the programs of Debian's package %s: %w: apt-get install %s", name, err, name)
		}
		for file := range strings.Lines(string(out)) {
			file = strings.TrimSuffix(file, "\n")
			if dir := filepath.Base(filepath.Dir(file)); dir == "bin" || dir == "sbin" {
				programs = append(programs, file)
			}
		}
	}
	for _, name := range extras {
		if file, err := exec.LookPath(name); err == nil {
			programs = append(programs, file)
		}
	}
	links := map[string]string{"/bin/sh": "dash", "/usr/bin/awk": "mawk"} // made by Debian's maintainer scripts
	for link, target := range links {
		if err := symlink(root, link, target); err != nil {
			return err
		}
	}
	c := copier{root: root, seen: make(map[string]bool)}
	for _, program := range programs {
		if err := c.copy(program); err != nil {
			return fmt.Errorf("copying %s: %w", program, err)
		}
	}
	return nil
}

// copier copies files to the same place below root, and with each what it needs to run.
type copier struct {
	root string
	seen map[string]bool
}

func (c *copier) copy(file string) error {
	if c.seen[file] {
		return nil
	}
	c.seen[file] = true
	info, err := os.Lstat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a diversion, or a file the machine's owner has removed
	}
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return c.copyLink(file)
	}
	if !info.Mode().IsRegular() {
		return nil
	}
	if err := files.Copy(file, filepath.Join(c.root, file), info.Mode()); err != nil {
		return err
	}
	needed, err := c.needs(file)
	if err != nil {
		return err
	}
	for _, library := range needed {
		if err := c.copy(library); err != nil {
			return err
		}
	}
	return nil
}

func (c *copier) copyLink(file string) error {
	target, err := os.Readlink(file)
	if err != nil {
		return err
	}
	if err := symlink(c.root, file, target); err != nil {
		return err
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(file), target)
	}
	return c.copy(target)
}

// libraryDirs are where ld.so(8) looks on Debian, those of multiarch first.
var libraryDirs = []string{"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib", "/usr/lib"}

// needs returns a program's interpreter and its libraries; nothing for a script.
func (c *copier) needs(file string) ([]string, error) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, nil // not a binary
	}
	defer f.Close()
	var needed []string
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			name := make([]byte, p.Filesz)
			if _, err := p.ReadAt(name, 0); err != nil {
				return nil, err
			}
			needed = append(needed, strings.TrimRight(string(name), "\x00"))
		}
	}
	libraries, err := f.ImportedLibraries()
	if err != nil {
		return nil, err
	}
	dirs := libraryDirs
	if runpath, err := f.DynString(elf.DT_RUNPATH); err == nil {
		dirs = slices.Concat(runpath, dirs) // systemd's private library, which procps uses
	}
	dirs = append(slices.Clone(dirs), filepath.Dir(file)) // another of its, which needs the first and finds it loaded
	for _, library := range libraries {
		i := slices.IndexFunc(dirs, func(dir string) bool {
			_, err := os.Stat(filepath.Join(dir, library))
			return err == nil
		})
		if i < 0 {
			return nil, fmt.Errorf("its library %s is not in %v", library, dirs)
		}
		needed = append(needed, filepath.Join(dirs[i], library))
	}
	return needed, nil
}
