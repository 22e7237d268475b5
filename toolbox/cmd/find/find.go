// Package find walks directories and does something with what it finds.
//
// Synopsis:
//
//	find [PATH…] [EXPRESSION]
//
// The expression is of tests, joined by -a (or nothing), -o, ! and ( ):
//
//	-name PATTERN, -iname, -path   the name, without regard to case, the whole path matches a shell pattern
//	-type f|d|l|b|c|p|s            regular file, directory, link, block or character device, pipe, socket
//	-size [+-]N[ckMG]              size in blocks of 512 bytes, bytes, KiB, MiB, GiB
//	-mtime [+-]N, -mmin [+-]N      changed so many days, minutes ago
//	-newer FILE                    changed after FILE was
//	-user NAME, -group NAME        belongs to
//	-perm MODE, -MODE, /MODE       has exactly, at least, any of these bits
//	-links N, -inum N, -empty, -true, -false
//
// and of actions:
//
//	-print, -print0, -ls           show it; -print is what is done if there is no action
//	-exec COMMAND {} ;             run the command with it, and with + in place of ; with many at a time
//	-delete, -prune, -quit         remove it, don't go into it, stop
//
// -maxdepth N, -mindepth N, -depth and -xdev (stay on one file system) hold for all of it.
package find

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"stave/toolbox/account"
	"stave/toolbox/cmdline"
)

type finder struct {
	line  *cmdline.Line
	out   *bufio.Writer
	names account.Names

	expression         test
	acts               bool // the expression does something by itself
	deepest, shallow   int
	childrenFirst, one bool

	batches []*batch
	status  int
}

// A file is what a test looks at.
type file struct {
	path  string
	depth int
	stat  unix.Stat_t
	prune bool
}

const synopsis = "find [PATH…] [EXPRESSION]"

var errQuit = errors.New("told to stop")

// Main runs the command and returns its exit status.
func Main(args []string) int {
	f := &finder{
		line: cmdline.New(synopsis), out: bufio.NewWriter(os.Stdout), deepest: 1 << 30,
	}
	words := args[1:]
	if len(words) == 1 && words[0] == "--help" {
		fmt.Println("usage: " + synopsis)
		return cmdline.Success
	}
	var paths []string
	for len(words) > 0 && !strings.HasPrefix(words[0], "-") && words[0] != "(" && words[0] != "!" {
		paths = append(paths, words[0])
		words = words[1:]
	}
	if len(paths) == 0 {
		paths = []string{"."}
	}
	p := parser{finder: f, words: words}
	expression, err := p.all()
	if err != nil {
		return f.line.Misuse("%v", err)
	}
	f.expression = expression
	for _, path := range paths {
		if err := f.walk(path); err != nil {
			break // told to stop
		}
	}
	for _, b := range f.batches {
		b.run(f)
	}
	if err := f.out.Flush(); err != nil {
		return f.line.Fail(err)
	}
	return f.status
}

func (f *finder) walk(path string) error {
	top := file{path: path}
	if err := unix.Lstat(path, &top.stat); err != nil {
		f.status = f.line.Fail(&os.PathError{Op: "lstat", Path: path, Err: err})
		return nil
	}
	return f.visit(&top, top.stat.Dev)
}

// visit does what the expression says with a file and then, or before, with what is in it.
func (f *finder) visit(this *file, device uint64) error {
	look := func() error {
		if this.depth < f.shallow {
			return nil
		}
		matches, err := f.expression(this)
		if err == nil && matches && !f.acts {
			f.out.WriteString(this.path + "\n")
		}
		return err
	}
	if !f.childrenFirst {
		if err := look(); err != nil {
			return err
		}
	}
	into := this.stat.Mode&unix.S_IFMT == unix.S_IFDIR && !this.prune && this.depth < f.deepest
	if into && (!f.one || this.stat.Dev == device) {
		if err := f.children(this, device); err != nil {
			return err
		}
	}
	if f.childrenFirst {
		return look()
	}
	return nil
}

func (f *finder) children(dir *file, device uint64) error {
	entries, err := os.ReadDir(dir.path)
	if err != nil {
		f.out.Flush()
		f.status = f.line.Fail(err)
	}
	for _, e := range entries {
		child := file{path: strings.TrimSuffix(dir.path, "/") + "/" + e.Name(), depth: dir.depth + 1}
		if err := unix.Lstat(child.path, &child.stat); err != nil {
			if err != unix.ENOENT { // removed meanwhile
				f.status = f.line.Fail(&os.PathError{Op: "lstat", Path: child.path, Err: err})
			}
			continue
		}
		if err := f.visit(&child, device); err != nil {
			return err
		}
	}
	return nil
}

func (f *file) name() string { return filepath.Base(f.path) }
