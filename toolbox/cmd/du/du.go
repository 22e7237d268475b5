// Package du shows how much room directories take on disk.
//
// Synopsis:
//
//	du [-abchksx] [-d DEPTH] [FILE…]
//
// A file with several names (hard links) counts once.
//
// Options:
//
//	-a        files too, not only directories
//	-b        bytes in the files, not room on the disk
//	-c        a grand total
//	-d DEPTH  directories this deep only
//	-h        in units that suit
//	-k        in KiB, as without options
//	-s        one sum each, as -d 0
//	-x        stay on one file system
package du

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmdline"
	"stave/toolbox/size"
)

type counter struct {
	line                          *cmdline.Line
	out                           *bufio.Writer
	files, bytes, human, oneMount bool
	depth, status                 int
	device                        uint64
	seen                          map[inode]bool
}

type inode struct{ device, number uint64 }

// Main runs the command and returns its exit status.
func Main(args []string) int {
	c := &counter{line: cmdline.New("du [-abchksx] [-d DEPTH] [FILE…]"), out: bufio.NewWriter(os.Stdout), seen: map[inode]bool{}}
	c.line.BoolVarP(&c.files, "all", "a", false, "files too, not only directories")
	c.line.BoolVarP(&c.bytes, "bytes", "b", false, "bytes in the files, not room on the disk")
	total := c.line.BoolP("total", "c", false, "a grand total")
	c.line.IntVarP(&c.depth, "max-depth", "d", math.MaxInt, "directories this `DEPTH` only")
	c.line.BoolVarP(&c.human, "human-readable", "h", false, "in units that suit")
	c.line.BoolP("kibi", "k", false, "in KiB, as without options")
	sum := c.line.BoolP("summarize", "s", false, "one sum each, as -d 0")
	c.line.BoolVarP(&c.oneMount, "one-file-system", "x", false, "stay on one file system")
	if status, ok := c.line.Read(args); !ok {
		return status
	}
	if *sum {
		c.depth = 0
	}
	operands := c.line.Args()
	if len(operands) == 0 {
		operands = []string{"."}
	}
	var all uint64
	for _, name := range operands {
		all += c.count(name, 0)
	}
	if *total {
		c.show(all, "total")
	}
	if err := c.out.Flush(); err != nil {
		return c.line.Fail(err)
	}
	return c.status
}

// count returns the bytes that path and all below it take.
func (c *counter) count(path string, depth int) uint64 {
	var stat unix.Stat_t
	if err := unix.Lstat(path, &stat); err != nil {
		c.status = c.line.Fail(&os.PathError{Op: "lstat", Path: path, Err: err})
		return 0
	}
	directory := stat.Mode&unix.S_IFMT == unix.S_IFDIR
	if depth == 0 {
		c.device = uint64(stat.Dev)
	} else if c.oneMount && uint64(stat.Dev) != c.device {
		return 0
	}
	if id := (inode{uint64(stat.Dev), stat.Ino}); !directory && stat.Nlink > 1 {
		if c.seen[id] {
			return 0
		}
		c.seen[id] = true
	}
	sum := uint64(stat.Blocks) * 512
	if c.bytes {
		sum = uint64(stat.Size)
	}
	if directory {
		entries, err := os.ReadDir(path)
		if err != nil {
			c.status = c.line.Fail(err)
		}
		for _, e := range entries {
			sum += c.count(filepath.Join(path, e.Name()), depth+1)
		}
	}
	if depth <= c.depth && (directory || c.files || depth == 0) {
		c.show(sum, path)
	}
	return sum
}

func (c *counter) show(bytes uint64, name string) {
	switch {
	case c.human:
		fmt.Fprintf(c.out, "%s\t%s\n", size.Human(bytes), name)
	case c.bytes:
		fmt.Fprintf(c.out, "%d\t%s\n", bytes, name)
	default:
		fmt.Fprintf(c.out, "%d\t%s\n", size.Blocks(bytes, 1024), name)
	}
}
