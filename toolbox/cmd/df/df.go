// Package df shows how full file systems are.
//
// Synopsis:
//
//	df [-ahiT] [-k | -m] [FILE…]
//
// With a FILE it is the file system that is on.
//
// Options:
//
//	-a  those without blocks too, such as proc
//	-h  in units that suit
//	-i  inodes, not blocks
//	-k  in KiB, as without options
//	-m  in MiB
//	-T  the type as well
package df

import (
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmdline"
	"stave/toolbox/mounts"
	"stave/toolbox/size"
)

type report struct {
	human, inodes, kind bool
	unit                uint64
	rows                [][]string
}

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("df [-ahiT] [-k | -m] [FILE…]")
	r := report{unit: 1 << 10}
	all := line.BoolP("all", "a", false, "those without blocks too, such as proc")
	line.BoolVarP(&r.human, "human-readable", "h", false, "in units that suit")
	line.BoolVarP(&r.inodes, "inodes", "i", false, "inodes, not blocks")
	line.BoolP("kibi", "k", false, "in KiB, as without options")
	mebi := line.BoolP("mebi", "m", false, "in MiB")
	line.BoolVarP(&r.kind, "print-type", "T", false, "the type as well")
	if status, ok := line.Read(args); !ok {
		return status
	}
	if *mebi {
		r.unit = 1 << 20
	}
	mounted, err := mounts.All()
	if err != nil {
		return line.Fail(err)
	}
	status := cmdline.Success
	shown := mounted
	if line.NArg() > 0 {
		shown = nil
		for _, name := range line.Args() {
			m, err := mounts.Of(mounted, name)
			if errors.Is(err, mounts.ErrUnknown) { // after chroot it may lie outside
				m, err = mounts.Mount{Source: "-", Type: "-", Target: name}, nil
			}
			if err != nil {
				status = line.Fail(err)
				continue
			}
			shown = append(shown, m)
		}
	}
	r.title()
	for _, m := range shown {
		r.add(m, *all || line.NArg() > 0)
	}
	r.print()
	return status
}

func (r *report) title() {
	title := []string{"Filesystem", "Type", fmt.Sprintf("%dK-blocks", r.unit>>10), "Used", "Available", "Use%", "Mounted on"}
	switch {
	case r.inodes:
		title = []string{"Filesystem", "Type", "Inodes", "IUsed", "IFree", "IUse%", "Mounted on"}
	case r.human:
		title[2] = "Size"
	}
	r.rows = append(r.rows, title)
}

// add notes one mount; see statfs(2). One we may not look at, or that isn't where it says in this root, is left out.
func (r *report) add(m mounts.Mount, empty bool) {
	var stat unix.Statfs_t
	if err := unix.Statfs(m.Target, &stat); err != nil || stat.Blocks == 0 && !empty {
		return
	}
	block := uint64(stat.Frsize)
	total, free, available := stat.Blocks*block, stat.Bfree*block, stat.Bavail*block
	show := func(bytes uint64) string {
		if r.human {
			return size.Human(bytes)
		}
		return strconv.FormatUint(size.Blocks(bytes, r.unit), 10)
	}
	if r.inodes {
		total, free, available = stat.Files, stat.Ffree, stat.Ffree
		show = func(n uint64) string { return strconv.FormatUint(n, 10) }
	}
	used := total - free
	share := "-"
	if used+available > 0 { // of what an ordinary user may have
		share = fmt.Sprintf("%d%%", (used*100+used+available-1)/(used+available))
	}
	r.rows = append(r.rows, []string{m.Source, m.Type, show(total), show(used), show(available), share, m.Target})
}

func (r *report) print() {
	widths := make([]int, len(r.rows[0]))
	for _, row := range r.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len(cell))
		}
	}
	for _, row := range r.rows {
		fmt.Printf("%-*s ", widths[0], row[0])
		if r.kind {
			fmt.Printf("%-*s ", widths[1], row[1])
		}
		fmt.Printf("%*s %*s %*s %*s %s\n", widths[2], row[2], widths[3], row[3], widths[4], row[4], widths[5], row[5], row[6])
	}
}
