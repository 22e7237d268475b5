// Package dd copies a file block by block.
//
// Synopsis:
//
//	dd [if=FILE] [of=FILE] [bs=BYTES] [count=N] [skip=N] [seek=N] [conv=WORD,…] [oflag=WORD,…] [iflag=WORD,…] [status=none]
//
// BYTES and N may have a unit, such as 4k or 1M. Without if and of it is standard input and output.
//
// Options:
//
//	bs, ibs, obs  the size of a block, 512 bytes if not given
//	count         blocks to copy; all of them if not given
//	skip          blocks of the input to leave out
//	seek          blocks of the output to leave as they are
//	conv          notrunc: leave the rest of the output; fsync: wait for the disk; sync: fill short blocks with zeros
//	iflag         fullblock: go on reading until a block is full
//	oflag         append, direct, sync
//	status        none: say nothing at the end
package dd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmdline"
	"stave/toolbox/size"
)

type copying struct {
	input, output                         string
	block, count, skip, seek              int64
	keepRest, fsync, pad, fullBlock, mute bool
	outputFlags                           int

	in, out                    *os.File
	fullIn, partIn             int64
	fullOut, partOut, outBytes int64
}

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("dd [if=FILE] [of=FILE] [bs=BYTES] [count=N] [skip=N] [seek=N] [conv=notrunc,fsync,sync] [status=none]")
	if status, ok := line.Read(args); !ok {
		return status
	}
	c := copying{block: 512, count: -1}
	for _, operand := range line.Args() {
		name, value, _ := strings.Cut(operand, "=")
		if err := c.set(name, value); err != nil {
			return line.Misuse("%v", err)
		}
	}
	start := time.Now()
	err := c.run()
	if !c.mute {
		c.report(time.Since(start))
	}
	if err != nil {
		return line.Fail(err)
	}
	return cmdline.Success
}

func (c *copying) set(name, value string) error {
	number := map[string]*int64{"bs": &c.block, "ibs": &c.block, "obs": &c.block, "count": &c.count, "skip": &c.skip, "seek": &c.seek}
	if target, ok := number[name]; ok {
		n, err := size.Parse(value)
		if err == nil && n == 0 && target == &c.block {
			err = fmt.Errorf("a block can't be empty")
		}
		*target = n
		return err
	}
	switch name {
	case "if":
		c.input = value
		return nil
	case "of":
		c.output = value
		return nil
	case "status":
		c.mute = value == "none"
		return nil
	case "conv", "iflag", "oflag":
		for word := range strings.SplitSeq(value, ",") {
			if !c.flag(name, word) {
				return fmt.Errorf("%s=%s: not a word it knows", name, word)
			}
		}
		return nil
	}
	return fmt.Errorf("%q: not an operand it knows", name)
}

func (c *copying) flag(name, word string) bool {
	switch name + "=" + word {
	case "conv=notrunc":
		c.keepRest = true
	case "conv=fsync", "conv=fdatasync":
		c.fsync = true
	case "conv=sync":
		c.pad = true
	case "iflag=fullblock":
		c.fullBlock = true
	case "oflag=append":
		c.outputFlags |= os.O_APPEND
	case "oflag=direct":
		c.outputFlags |= unix.O_DIRECT
	case "oflag=sync", "oflag=dsync":
		c.outputFlags |= os.O_SYNC
	default:
		return false
	}
	return true
}

func (c *copying) run() error {
	if err := c.open(); err != nil {
		return err
	}
	defer c.in.Close()
	err := c.copy()
	if c.fsync && err == nil {
		err = c.out.Sync()
	}
	return errors.Join(err, c.out.Close())
}

// open opens both files and goes to where copying starts.
func (c *copying) open() error {
	var err error
	if c.in = os.Stdin; c.input != "" {
		if c.in, err = os.Open(c.input); err != nil {
			return err
		}
	}
	if c.out = os.Stdout; c.output != "" {
		flags := os.O_WRONLY | os.O_CREATE | c.outputFlags
		if c.out, err = os.OpenFile(c.output, flags, 0o666); err != nil {
			return err
		}
	}
	if c.skip > 0 {
		if _, err := c.in.Seek(c.skip*c.block, io.SeekStart); err != nil { // a pipe: read past it
			if _, err := io.CopyN(io.Discard, c.in, c.skip*c.block); err != nil && err != io.EOF {
				return err
			}
		}
	}
	if c.seek > 0 {
		if _, err := c.out.Seek(c.seek*c.block, io.SeekStart); err != nil {
			return err
		}
	}
	if info, err := c.out.Stat(); c.output != "" && !c.keepRest && err == nil && info.Mode().IsRegular() {
		return c.out.Truncate(c.seek * c.block)
	}
	return nil
}

func (c *copying) copy() error {
	buffer := make([]byte, c.block)
	for ; c.count != 0; c.count-- {
		n, err := c.read(buffer)
		if n == 0 && err == io.EOF {
			return nil
		}
		if err != nil && err != io.EOF {
			return err
		}
		if int64(n) == c.block {
			c.fullIn++
		} else {
			c.partIn++
			if c.pad {
				clear(buffer[n:])
				n = len(buffer)
			}
		}
		written, err := c.out.Write(buffer[:n])
		c.outBytes += int64(written)
		if err != nil {
			return err
		}
		if int64(written) == c.block {
			c.fullOut++
		} else {
			c.partOut++
		}
	}
	return nil
}

func (c *copying) read(buffer []byte) (int, error) {
	if !c.fullBlock {
		return c.in.Read(buffer)
	}
	n, err := io.ReadFull(c.in, buffer)
	if err == io.ErrUnexpectedEOF {
		err = nil
	}
	return n, err
}

func (c *copying) report(took time.Duration) {
	fmt.Fprintf(os.Stderr, "%d+%d records in\n%d+%d records out\n", c.fullIn, c.partIn, c.fullOut, c.partOut)
	perSecond := float64(c.outBytes) / max(took.Seconds(), 1e-9)
	fmt.Fprintf(os.Stderr, "%d bytes (%s) copied, %.6g s, %s/s\n",
		c.outBytes, size.Human(uint64(c.outBytes)), took.Seconds(), size.Human(uint64(perSecond)))
}
