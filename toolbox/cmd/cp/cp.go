// Package cp copies files and directories.
//
// Synopsis:
//
//	cp [-adfLnprRv] SOURCE… TARGET
//
// TARGET may be a directory to copy into. Links between the files copied (hard links) become files of their own.
//
// Options:
//
//	-a  all of it, as it is: -d -p -r
//	-d  symbolic links as links, as with -r
//	-f  if the target can't be written, remove it first
//	-L  what symbolic links point to, not the links
//	-n  leave what is there
//	-p  keep mode, times, and as root the owner
//	-r  directories with what is in them; -R is the same
//	-v  say what is copied
package cp

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmdline"
	"stave/toolbox/filemode"
)

// A Copier copies trees. mv uses it too, where a rename can't do.
type Copier struct {
	Force, Follow, Keep, NoClobber, Recurse, Verbose bool
}

// Main runs the command and returns its exit status.
func Main(args []string) int {
	var c Copier
	line := cmdline.New("cp [-adfLnprRv] SOURCE… TARGET")
	archive := line.BoolP("archive", "a", false, "all of it, as it is: -d -p -r")
	links := line.BoolP("no-dereference", "d", false, "symbolic links as links, as with -r")
	line.BoolVarP(&c.Force, "force", "f", false, "if the target can't be written, remove it first")
	line.BoolVarP(&c.Follow, "dereference", "L", false, "what symbolic links point to, not the links")
	line.BoolVarP(&c.NoClobber, "no-clobber", "n", false, "leave what is there")
	line.BoolVarP(&c.Keep, "preserve", "p", false, "keep mode, times, and as root the owner")
	line.BoolVarP(&c.Recurse, "recursive", "r", false, "directories with what is in them")
	line.BoolVarP(&c.Recurse, "Recursive", "R", false, "the same")
	line.BoolVarP(&c.Verbose, "verbose", "v", false, "say what is copied")
	if status, ok := line.Read(args); !ok {
		return status
	}
	if *archive {
		c.Keep, c.Recurse = true, true
	}
	// A single file is copied through a link; in a tree a link is part of what is copied.
	c.Follow = c.Follow || !c.Recurse && !*links
	status := cmdline.Success
	err := Into(line.Args(), func(source, target string) {
		if err := c.Copy(source, target); err != nil {
			status = line.Fail(err)
		}
	})
	if err != nil {
		return line.Misuse("%v", err)
	}
	return status
}

// Into takes the operands of cp, mv and ln apart: the last is a name for the only source, or a directory for all.
func Into(operands []string, do func(source, target string)) error {
	if len(operands) < 2 {
		return fmt.Errorf("at least two names are needed: from and to")
	}
	sources, target := operands[:len(operands)-1], operands[len(operands)-1]
	info, err := os.Stat(target)
	if err == nil && info.IsDir() {
		for _, source := range sources {
			do(source, filepath.Join(target, filepath.Base(source)))
		}
		return nil
	}
	if len(sources) > 1 || strings.HasSuffix(target, "/") && err != nil && !isDirectory(sources[0]) {
		return fmt.Errorf("%s is not a directory", target)
	}
	do(sources[0], target)
	return nil
}

func isDirectory(name string) bool {
	info, err := os.Lstat(name)
	return err == nil && info.IsDir()
}

// Copy makes target a copy of source.
func (c *Copier) Copy(source, target string) error {
	var stat unix.Stat_t
	look := unix.Lstat
	if c.Follow {
		look = unix.Stat
	}
	if err := look(source, &stat); err != nil {
		return &os.PathError{Op: "stat", Path: source, Err: err}
	}
	var there unix.Stat_t
	exists := unix.Lstat(target, &there) == nil
	if exists && c.NoClobber && there.Mode&unix.S_IFMT != unix.S_IFDIR {
		return nil
	}
	if err := unix.Stat(target, &there); err == nil && there.Dev == stat.Dev && there.Ino == stat.Ino {
		return fmt.Errorf("%s and %s are the same file", source, target)
	}
	if c.Verbose {
		fmt.Printf("%s -> %s\n", source, target)
	}
	if err := c.contents(source, target, &stat, exists); err != nil {
		return err
	}
	if c.Keep {
		return keep(target, &stat)
	}
	return nil
}

// contents makes the target, all but what -p keeps.
func (c *Copier) contents(source, target string, stat *unix.Stat_t, exists bool) error {
	kind := stat.Mode & unix.S_IFMT
	switch {
	case kind == unix.S_IFDIR && !c.Recurse:
		return fmt.Errorf("%s is a directory: -r copies those", source)
	case kind == unix.S_IFDIR:
		return c.directory(source, target, stat)
	case kind == unix.S_IFREG || kind != unix.S_IFLNK && !c.Recurse:
		return c.file(source, target, stat)
	}
	if exists {
		if err := os.Remove(target); err != nil {
			return err
		}
	}
	if kind == unix.S_IFLNK {
		to, err := os.Readlink(source)
		if err != nil {
			return err
		}
		return os.Symlink(to, target)
	}
	if err := unix.Mknod(target, stat.Mode, int(stat.Rdev)); err != nil {
		return &os.PathError{Op: "mknod", Path: target, Err: err}
	}
	return nil
}

func (c *Copier) directory(source, target string, stat *unix.Stat_t) error {
	if inside(source, target) {
		return fmt.Errorf("%s: can't be copied into itself, %s", source, target)
	}
	entries, err := os.ReadDir(source)
	if err != nil {
		return err
	}
	// Writable until its files are in it.
	if err := os.Mkdir(target, 0o700); err != nil && !isDirectory(target) {
		return err
	} else if err == nil {
		defer os.Chmod(target, filemode.Go(stat.Mode&^umask()))
	}
	for _, e := range entries {
		if err := c.Copy(filepath.Join(source, e.Name()), filepath.Join(target, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// inside reports whether target lies in source, or is it.
func inside(source, target string) bool {
	from, err := filepath.EvalSymlinks(source)
	if err != nil {
		return false
	}
	to, err := filepath.EvalSymlinks(filepath.Dir(target))
	if err != nil {
		return false
	}
	from, _ = filepath.Abs(from)
	to, _ = filepath.Abs(to)
	return to == from || strings.HasPrefix(to, from+"/")
}

func (c *Copier) file(source, target string, stat *unix.Stat_t) error {
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer in.Close()
	mode := os.FileMode(stat.Mode & 0o777)
	out, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil && c.Force {
		if os.Remove(target) == nil {
			out, err = os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		}
	}
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

// keep gives target the owner, mode and times in stat. Changing the owner clears setuid, so the mode comes after it.
func keep(target string, stat *unix.Stat_t) error {
	err := unix.Lchown(target, int(stat.Uid), int(stat.Gid))
	if err != nil && unix.Geteuid() == 0 {
		return &os.PathError{Op: "lchown", Path: target, Err: err}
	}
	mode := stat.Mode
	if err != nil { // an ordinary user's copy is their own, and must not be setuid to them
		mode &^= unix.S_ISUID | unix.S_ISGID
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFLNK {
		if err := os.Chmod(target, filemode.Go(mode)); err != nil {
			return err
		}
	}
	times := []unix.Timespec{stat.Atim, stat.Mtim}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, target, times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &os.PathError{Op: "utimensat", Path: target, Err: err}
	}
	return nil
}

// umask returns the process's file mode creation mask, which can only be read by setting it; see umask(2).
func umask() uint32 {
	mask := unix.Umask(0)
	unix.Umask(mask)
	return uint32(mask)
}
