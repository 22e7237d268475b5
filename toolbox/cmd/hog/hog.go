// Package hog takes memory and keeps it, to meet a memory limit; see memory.max in
// Documentation/admin-guide/cgroup-v2.rst.
//
// Synopsis:
//
//	hog [-t SECONDS] BYTES[KMG]
//
// It asks for a mebibyte at a time and writes to every page, because memory is only charged once it is touched, and
// says how far it got. Then it holds on until Enter is pressed or its input ends.
//
// Options:
//
//	-t SECONDS  hold for so long instead
package hog

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmd/hold"
	"stave/toolbox/cmdline"
	"stave/toolbox/size"
)

const mebibyte = 1 << 20

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("hog [-t SECONDS] BYTES[KMG]")
	seconds := line.Float64P("time", "t", -1, hold.Usage)
	if status, ok := line.Read(args); !ok {
		return status
	}
	if line.NArg() != 1 {
		return line.Misuse("how much? for example: hog 200M")
	}
	total, err := size.Parse(line.Arg(0))
	if err != nil {
		return line.Misuse("%v", err)
	}
	if taken, err := take(total); err != nil {
		return line.Failf("after %s of %s: %w", words(taken), words(total), err)
	}
	signals := hold.Signals() // whoever reads the next line may send one
	fmt.Printf("hog: holding %s\n", words(total))
	hold.UntilSignal(signals, *seconds)
	return cmdline.Success
}

// take touches total bytes, saying so at every tenth of the way, and returns how many it got.
func take(total int64) (int64, error) {
	var taken int64
	for tenth := int64(1); taken < total; {
		block := min(mebibyte, total-taken)
		memory, err := unix.Mmap(-1, 0, int(block), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
		if err != nil {
			return taken, err
		}
		for i := 0; i < len(memory); i += os.Getpagesize() {
			memory[i] = 1
		}
		taken += block
		if taken >= total/10*tenth && taken < total {
			fmt.Printf("hog: %s of %s\n", words(taken), words(total))
			tenth = taken/max(total/10, 1) + 1
		}
	}
	return taken, nil
}

func words(bytes int64) string {
	if bytes < mebibyte {
		return fmt.Sprintf("%d bytes", bytes)
	}
	return fmt.Sprintf("%d MiB", bytes/mebibyte)
}
