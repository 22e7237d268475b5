// Package sort sorts lines, byte by byte unless told otherwise.
//
// Synopsis:
//
//	sort [-bcfhnruV] [-k FIELD[,FIELD]] [-t CHARACTER] [-o FILE] [FILE…]
//
// Options:
//
//	-b            leave out blanks at the start
//	-c            only check: exit status 1 if they are not sorted
//	-f            as if all letters were capitals
//	-h            by size, such as 2K before 1G
//	-k FROM[,TO]  by these fields, such as 2 or 2,3; n, r, f, h or b after a number holds for this key
//	-n            by number
//	-o FILE       write to FILE, which may be one of those read
//	-r            the other way round
//	-t CHARACTER  fields are parted by this, not by blanks
//	-u            of lines that are equal the first only
package sort

import (
	"bufio"
	"os"
	"slices"

	"stave/toolbox/cmdline"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("sort [-bcfhnru] [-k FIELD[,FIELD]] [-t CHARACTER] [-o FILE] [FILE…]")
	var o order
	line.BoolVarP(&o.all.blanks, "ignore-leading-blanks", "b", false, "leave out blanks at the start")
	check := line.BoolP("check", "c", false, "only check: exit status 1 if they are not sorted")
	line.BoolVarP(&o.all.fold, "ignore-case", "f", false, "as if all letters were capitals")
	line.BoolVarP(&o.all.human, "human-numeric-sort", "h", false, "by size, such as 2K before 1G")
	keys := line.StringArrayP("key", "k", nil, "by these `FIELD`s, such as 2 or 2,3n")
	line.BoolVarP(&o.all.numeric, "numeric-sort", "n", false, "by number")
	output := line.StringP("output", "o", "", "write to `FILE`, which may be one of those read")
	line.BoolVarP(&o.all.reverse, "reverse", "r", false, "the other way round")
	line.StringVarP(&o.separator, "field-separator", "t", "", "fields are parted by this `CHARACTER`, not by blanks")
	unique := line.BoolP("unique", "u", false, "of lines that are equal the first only")
	if status, ok := line.Read(args); !ok {
		return status
	}
	for _, text := range *keys {
		if err := o.add(text); err != nil {
			return line.Misuse("%v", err)
		}
	}
	var all []string
	status := line.Files(line.Args(), func(_ string, file *os.File) error {
		in := bufio.NewScanner(file)
		in.Buffer(nil, 1<<30)
		for in.Scan() {
			all = append(all, in.Text())
		}
		return in.Err()
	})
	if status != cmdline.Success {
		return cmdline.Misuse
	}
	if *check {
		if !slices.IsSortedFunc(all, o.compare) {
			return line.Failf("not sorted")
		}
		return cmdline.Success
	}
	if *unique {
		slices.SortStableFunc(all, o.compare)
		all = slices.CompactFunc(all, func(a, b string) bool { return o.compare(a, b) == 0 })
	} else {
		slices.SortStableFunc(all, o.compareFully)
	}
	if err := write(*output, all); err != nil {
		return line.Fail(err)
	}
	return cmdline.Success
}

func write(name string, lines []string) error {
	file := os.Stdout
	if name != "" {
		var err error
		if file, err = os.Create(name); err != nil {
			return err
		}
		defer file.Close()
	}
	out := bufio.NewWriter(file)
	for _, text := range lines {
		out.WriteString(text)
		out.WriteByte('\n')
	}
	return out.Flush()
}
