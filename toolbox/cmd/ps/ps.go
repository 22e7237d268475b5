// Package ps shows processes: all that /proc shows, which in a container are its own.
//
// Synopsis:
//
//	ps [-aAefwx] [-o COLUMN,…] [-p PID,…] [aux]
//
// Options:
//
//	-f, -l     more columns, as `ps -ef` elsewhere
//	-o COLUMN  these columns: pid ppid pgid sid user uid tty stat nice nlwp vsz rss time etime comm args
//	-p PID     these processes only
//	u          the columns of `ps aux` elsewhere
//	-a -A -e -w -x a x w  accepted: all processes are shown anyway, in full
package ps

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"stave/toolbox/cmdline"
	"stave/toolbox/proc"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("ps [-aAefwx] [-o COLUMN,…] [-p PID,…] [aux]")
	for _, accepted := range []string{"a", "A", "e", "w", "x"} {
		line.BoolP("accepted-"+accepted, accepted, false, "accepted: all processes are shown anyway, in full")
	}
	full := line.BoolP("full", "f", false, "more columns")
	line.BoolVarP(full, "long", "l", false, "the same")
	columns := line.StringSliceP("format", "o", nil, "these `COLUMN`s")
	pids := line.StringSliceP("pid", "p", nil, "these processes only")
	if status, ok := line.Read(args); !ok {
		return status
	}
	shown := []string{"pid", "ppid", "user", "stat", "args"}
	for _, letters := range line.Args() { // as BSD has them, without a dash
		if strings.Trim(letters, "auxwf") != "" {
			return line.Misuse("%q is not an option of it", letters)
		}
		if strings.Contains(letters, "u") {
			shown = []string{"user", "pid", "vsz", "rss", "tty", "stat", "time", "args"}
		}
	}
	if *full {
		shown = []string{"user", "pid", "ppid", "tty", "stat", "time", "args"}
	}
	if len(*columns) > 0 {
		shown = *columns
	}
	processes, err := proc.All()
	if err != nil {
		return line.Fail(err)
	}
	if len(*pids) > 0 {
		processes = slices.DeleteFunc(processes, func(p proc.Process) bool {
			return !slices.Contains(*pids, strconv.Itoa(p.PID))
		})
	}
	slices.SortFunc(processes, func(a, b proc.Process) int { return a.PID - b.PID })
	if err := print(processes, shown); err != nil {
		return line.Misuse("%v", err)
	}
	if len(processes) == 0 {
		return cmdline.Failure
	}
	return cmdline.Success
}

// print shows the named columns, each as wide as its widest cell, numbers to the right.
func print(processes []proc.Process, names []string) error {
	columns, err := find(names)
	if err != nil {
		return err
	}
	var titles []string
	for _, c := range columns {
		titles = append(titles, c.title)
	}
	var rows [][]string
	if strings.Join(titles, "") != "" { // -o pid= asks for none
		rows = append(rows, titles)
	}
	for i := range processes {
		var row []string
		for _, c := range columns {
			row = append(row, c.cell(&processes[i]))
		}
		rows = append(rows, row)
	}
	widths := make([]int, len(columns))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	// A terminal shows what fits in its width; a pipe gets everything.
	limit, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil || limit <= 0 {
		limit = 1 << 20
	}
	out := bufio.NewWriter(os.Stdout)
	for _, row := range rows {
		var text strings.Builder
		for i, cell := range row {
			switch last := i == len(row)-1; {
			case columns[i].right:
				fmt.Fprintf(&text, "%*s ", widths[i], cell)
			case last:
				text.WriteString(cell)
			default:
				fmt.Fprintf(&text, "%-*s ", widths[i], cell)
			}
		}
		runes := []rune(strings.TrimRight(text.String(), " "))
		fmt.Fprintln(out, string(runes[:min(len(runes), limit)]))
	}
	return out.Flush()
}
