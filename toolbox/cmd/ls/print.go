package ls

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"stave/toolbox/filemode"
	"stave/toolbox/size"
)

// halfYear is the age from which a file's year says more than its hour.
const halfYear = 182 * 24 * time.Hour

func (l *lister) print(entries []entry) {
	switch {
	case l.long:
		l.table(entries)
	case l.single:
		for _, e := range entries {
			l.out.WriteString(l.short(e) + "\n")
		}
	default:
		l.columns(entries)
	}
}

func (l *lister) total(entries []entry) {
	var blocks uint64 // of 512 bytes; see st_blocks in inode(7)
	for _, e := range entries {
		blocks += uint64(e.stat.Blocks)
	}
	if l.human {
		fmt.Fprintf(l.out, "total %s\n", size.Human(blocks*512))
	} else {
		fmt.Fprintf(l.out, "total %d\n", blocks/2)
	}
}

// short is a name with what -i, -s and -F put round it.
func (l *lister) short(e entry) string {
	text := e.name + l.mark(e.stat.Mode)
	if l.blocks {
		text = strconv.FormatInt(e.stat.Blocks/2, 10) + " " + text
	}
	if l.inode {
		text = strconv.FormatUint(e.stat.Ino, 10) + " " + text
	}
	return text
}

func (l *lister) mark(mode uint32) string {
	if !l.classify {
		return ""
	}
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return "/"
	case unix.S_IFLNK:
		if l.long { // the target follows
			return ""
		}
		return "@"
	case unix.S_IFIFO:
		return "|"
	case unix.S_IFSOCK:
		return "="
	}
	if mode&0o111 != 0 {
		return "*"
	}
	return ""
}

// targetMark marks what a symbolic link points to, where that can be seen.
func (l *lister) targetMark(e entry) string {
	var stat unix.Stat_t
	if !l.classify || unix.Stat(e.path, &stat) != nil {
		return ""
	}
	return l.mark(stat.Mode)
}

// table prints the long format, each column as wide as its widest cell.
func (l *lister) table(entries []entry) {
	var rows [][]string
	widths := make([]int, 5)
	for _, e := range entries {
		row := l.row(e)
		for i := range widths {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
		rows = append(rows, row)
	}
	for _, row := range rows {
		fmt.Fprintf(l.out, "%s %*s %-*s %-*s %*s %s %s\n", row[0], widths[1], row[1], widths[2], row[2],
			widths[3], row[3], widths[4], row[4], row[5], row[6])
	}
}

func (l *lister) row(e entry) []string {
	stat := &e.stat
	user, group := strconv.Itoa(int(stat.Uid)), strconv.Itoa(int(stat.Gid))
	if !l.numeric {
		user, group = l.names.User(stat.Uid), l.names.Group(stat.Gid)
	}
	length := strconv.FormatInt(stat.Size, 10)
	switch kind := stat.Mode & unix.S_IFMT; {
	case kind == unix.S_IFCHR, kind == unix.S_IFBLK:
		length = fmt.Sprintf("%d, %d", unix.Major(uint64(stat.Rdev)), unix.Minor(uint64(stat.Rdev)))
	case l.human:
		length = size.Human(uint64(stat.Size))
	}
	name := l.short(e)
	if e.target != "" {
		name += " -> " + e.target + l.targetMark(e)
	}
	links := strconv.FormatUint(uint64(stat.Nlink), 10)
	return []string{filemode.String(stat.Mode), links, user, group, length, clock(stat.Mtim), name}
}

func clock(mtime unix.Timespec) string {
	t := time.Unix(mtime.Unix())
	if age := time.Since(t); age > halfYear || age < 0 {
		return t.Format("Jan _2  2006")
	}
	return t.Format("Jan _2 15:04")
}

// columns fills the terminal's width with names, sorted downwards, in as few rows as they fit in.
func (l *lister) columns(entries []entry) {
	limit, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil || limit <= 0 {
		limit = 80
	}
	cells := make([]string, len(entries))
	for i, e := range entries {
		cells[i] = l.short(e)
	}
	rows := 1
	widths := columnWidths(cells, rows)
	for rows < len(cells) && sum(widths) > limit {
		rows++
		widths = columnWidths(cells, rows)
	}
	for row := range min(rows, len(cells)) {
		for i := row; i < len(cells); i += rows {
			l.out.WriteString(cells[i])
			if i+rows < len(cells) {
				l.out.WriteString(strings.Repeat(" ", widths[i/rows]-utf8.RuneCountInString(cells[i])))
			}
		}
		l.out.WriteString("\n")
	}
}

// columnWidths returns how wide each column is with so many rows: its widest cell, and two blanks but for the last.
func columnWidths(cells []string, rows int) []int {
	var widths []int
	for i, cell := range cells {
		if i%rows == 0 {
			widths = append(widths, 0)
		}
		last := &widths[len(widths)-1]
		*last = max(*last, utf8.RuneCountInString(cell))
	}
	for i := range max(0, len(widths)-1) {
		widths[i] += 2
	}
	return widths
}

func sum(numbers []int) int {
	total := 0
	for _, n := range numbers {
		total += n
	}
	return total
}
