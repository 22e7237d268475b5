// Package ls lists directories.
//
// Synopsis:
//
//	ls [-aAdFhilnrRsSt1] [FILE…]
//
// Options:
//
//	-a  also names that start with a dot
//	-A  the same, but not . and ..
//	-d  the directories themselves, not what is in them
//	-F  mark directories with /, links with @, programs with *
//	-h  with -l: sizes as 1.5K, 200M
//	-i  inode numbers
//	-l  long: mode, links, owner, group, size, time, name
//	-n  -l with owner and group as numbers
//	-r  the other way round
//	-R  directories below as well
//	-s  how much each takes on disk, KiB
//	-S  largest first
//	-t  newest first
//	-1  one name a line, as when the output is no terminal
package ls

import (
	"bufio"
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"stave/toolbox/account"
	"stave/toolbox/cmdline"
)

type lister struct {
	line  *cmdline.Line
	out   *bufio.Writer
	names account.Names

	all, almost, self, classify, human, inode, long, numeric, reverse, recurse, blocks, bySize, byTime, single bool
}

// An entry is one file to be listed. target is where a symbolic link points.
type entry struct {
	path, name, target string
	stat               unix.Stat_t
}

// serious is the exit status when what was named can't be shown, as against something in a directory.
const serious = 2

// Main runs the command and returns its exit status.
func Main(args []string) int {
	l := &lister{line: cmdline.New("ls [-aAdFhilnrRsSt1] [FILE…]"), out: bufio.NewWriter(os.Stdout)}
	l.line.BoolVarP(&l.all, "all", "a", false, "also names that start with a dot")
	l.line.BoolVarP(&l.almost, "almost-all", "A", false, "the same, but not . and ..")
	l.line.BoolVarP(&l.self, "directory", "d", false, "the directories themselves, not what is in them")
	l.line.BoolVarP(&l.classify, "classify", "F", false, "mark directories with /, links with @, programs with *")
	l.line.BoolVarP(&l.human, "human-readable", "h", false, "with -l: sizes as 1.5K, 200M")
	l.line.BoolVarP(&l.inode, "inode", "i", false, "inode numbers")
	l.line.BoolVarP(&l.long, "long", "l", false, "long: mode, links, owner, group, size, time, name")
	l.line.BoolVarP(&l.numeric, "numeric-uid-gid", "n", false, "-l with owner and group as numbers")
	l.line.BoolVarP(&l.reverse, "reverse", "r", false, "the other way round")
	l.line.BoolVarP(&l.recurse, "recursive", "R", false, "directories below as well")
	l.line.BoolVarP(&l.blocks, "size", "s", false, "how much each takes on disk, KiB")
	l.line.BoolVarP(&l.bySize, "by-size", "S", false, "largest first")
	l.line.BoolVarP(&l.byTime, "by-time", "t", false, "newest first")
	l.line.BoolVarP(&l.single, "one", "1", false, "one name a line, as when the output is no terminal")
	if status, ok := l.line.Read(args); !ok {
		return status
	}
	l.long = l.long || l.numeric
	l.single = l.single || !term.IsTerminal(int(os.Stdout.Fd()))
	status := l.run(l.line.Args())
	if err := l.out.Flush(); err != nil {
		return l.line.Fail(err)
	}
	return status
}

// run lists the files among the operands first and then the directories, each under its name if there are several.
func (l *lister) run(operands []string) int {
	if len(operands) == 0 {
		operands = []string{"."}
	}
	status := cmdline.Success
	var files, dirs []entry
	for _, name := range operands {
		e, err := l.stat(name, name)
		if err != nil {
			l.line.Fail(err)
			status = serious
			continue
		}
		if !l.self && l.isDirectory(e) {
			dirs = append(dirs, e)
		} else {
			files = append(files, e)
		}
	}
	l.sort(files)
	l.sort(dirs)
	l.print(files)
	for i, dir := range dirs {
		if i > 0 || len(files) > 0 {
			l.out.WriteString("\n")
		}
		status = max(status, l.directory(dir.name, len(operands) > 1 || l.recurse))
	}
	return status
}

// isDirectory follows a link given on the command line, except where the link itself is to be shown.
func (l *lister) isDirectory(e entry) bool {
	if e.stat.Mode&unix.S_IFMT == unix.S_IFLNK && !l.long && !l.classify {
		var stat unix.Stat_t
		return unix.Stat(e.name, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFDIR
	}
	return e.stat.Mode&unix.S_IFMT == unix.S_IFDIR
}

func (l *lister) stat(path, name string) (entry, error) {
	e := entry{path: path, name: name}
	if err := unix.Lstat(path, &e.stat); err != nil {
		return e, &os.PathError{Op: "lstat", Path: path, Err: err}
	}
	if l.long && e.stat.Mode&unix.S_IFMT == unix.S_IFLNK {
		e.target, _ = os.Readlink(path) // unreadable in /proc/PID for other users; the rest is still worth showing
	}
	return e, nil
}

func (l *lister) directory(path string, title bool) int {
	if title {
		l.out.WriteString(path + ":\n")
	}
	status := cmdline.Success
	found, err := os.ReadDir(path)
	if err != nil {
		status = l.line.Fail(err) // and show what was read before
	}
	var names []string
	if l.all {
		names = append(names, ".", "..")
	}
	for _, f := range found {
		if l.all || l.almost || !strings.HasPrefix(f.Name(), ".") {
			names = append(names, f.Name())
		}
	}
	var entries []entry
	for _, name := range names {
		e, err := l.stat(filepath.Join(path, name), name)
		if err != nil {
			status = l.line.Fail(err)
			continue
		}
		entries = append(entries, e)
	}
	l.sort(entries)
	if l.long || l.blocks {
		l.total(entries)
	}
	l.print(entries)
	if !l.recurse {
		return status
	}
	for _, e := range entries {
		if e.stat.Mode&unix.S_IFMT == unix.S_IFDIR && e.name != "." && e.name != ".." {
			l.out.WriteString("\n")
			status = max(status, l.directory(strings.TrimSuffix(path, "/")+"/"+e.name, true)) // "./a" from "."
		}
	}
	return status
}

func (l *lister) sort(entries []entry) {
	slices.SortStableFunc(entries, func(a, b entry) int {
		order := 0
		switch {
		case l.bySize:
			order = cmp.Compare(b.stat.Size, a.stat.Size)
		case l.byTime:
			order = cmp.Compare(b.stat.Mtim.Nano(), a.stat.Mtim.Nano())
		}
		if order == 0 {
			order = strings.Compare(a.name, b.name)
		}
		if l.reverse {
			return -order
		}
		return order
	})
}
