package guest

import (
	"fmt"
	"io"
	"strings"
)

// cpioWriter writes the archive that the kernel unpacks before it starts /init, in the "newc" form of
// Documentation/driver-api/early-userspace/buffer-format.rst. The first error sticks, and close returns it.
type cpioWriter struct {
	w     io.Writer
	n     int64
	inode int
	err   error
}

// Modes of inodes as cpio has them; inode(7).
const (
	cpioDirectory = 0o040755
	cpioProgram   = 0o100755
)

func (c *cpioWriter) directory(name string) { c.entry(name, cpioDirectory, "") }

func (c *cpioWriter) program(name string, content []byte) {
	c.entry(name, cpioProgram, string(content))
}

func (c *cpioWriter) entry(name string, mode int, content string) {
	c.inode++
	const uid, gid, links, mtime, major, minor, checksum = 0, 0, 1, 0, 0, 0, 0
	c.write("070701")
	for _, field := range []int{c.inode, mode, uid, gid, links, mtime, len(content), major, minor, major, minor, len(name) + 1, checksum} {
		c.write(fmt.Sprintf("%08X", field))
	}
	c.write(name + "\x00")
	c.pad()
	c.write(content)
	c.pad()
}

// pad to a multiple of four bytes.
func (c *cpioWriter) pad() { c.write(strings.Repeat("\x00", int(-c.n&3))) }

func (c *cpioWriter) write(s string) {
	if c.err != nil {
		return
	}
	n, err := io.WriteString(c.w, s)
	c.n += int64(n)
	c.err = err
}

func (c *cpioWriter) close() error {
	c.entry("TRAILER!!!", 0, "")
	return c.err
}
