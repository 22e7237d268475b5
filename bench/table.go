package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// writeTable prints what was measured beside what the book says, and how it came about.
func (r result) writeTable(w io.Writer) error {
	head := []string{"", "process", "container"}
	if r.VM != nil {
		head = append(head, "virtual machine", "container ahead")
	}
	table := [][]string{append(head, "the book says")}
	for _, row := range r.Rows {
		line := []string{row.Name, row.show(row.Process), row.show(row.Container)}
		if r.VM != nil {
			line = append(line, row.show(row.VM), times(row.ahead()))
		}
		table = append(table, append(line, row.Book.Container+" / "+row.Book.VM))
	}
	text := align(table) + "\n" + strings.Join(r.notes(), "\n\n") + "\n"
	_, err := io.WriteString(w, text)
	return err
}

// align pads the columns: the first and the last to the left, figures to the right.
func align(table [][]string) string {
	widths := make([]int, len(table[0]))
	for _, line := range table {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, line := range table {
		var text strings.Builder
		for i, cell := range line {
			padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 || i == len(line)-1 {
				text.WriteString(cell + padding)
			} else {
				text.WriteString(padding + cell)
			}
			text.WriteString("   ")
		}
		b.WriteString(strings.TrimRight(text.String(), " ") + "\n")
	}
	return b.String()
}

// notes are what one has to know to read the table, a paragraph each.
func (r result) notes() []string {
	notes := []string{fmt.Sprintf("Measured on %s (%s), %d processors, %s of memory, as %s, on %s.",
		r.Machine.System, r.Machine.Arch, r.Machine.Processors, inBytes(float64(r.Machine.Memory)), r.Machine.User, r.Date.Format("2006-01-02"))}
	switch {
	case r.VM == nil:
		notes = append(notes, "There is no column for virtual machines: "+r.NoVM)
	default:
		notes = append(notes, fmt.Sprintf("The virtual machine is qemu %s's, with Debian's kernel %s, %d MiB of memory and the accelerator %s.", r.VM.Qemu, r.VM.Kernel, r.VM.Memory, r.VM.Accelerator))
	}
	if r.VM != nil && r.VM.Accelerator == "tcg" {
		notes[len(notes)-1] += " " + upper(r.VM.Why) + "."
		notes = append(notes, "With tcg a program translates every instruction of the virtual machine. So what it shows for computing says nothing about hardware "+
			"virtualisation, with which a virtual machine computes nearly as fast as the machine itself; starting, writing and reading would be"+
			" faster too, and the memory for translated instructions, some 70 MB, would not be needed.")
	}
	for _, row := range r.Rows {
		if row.Container > 0 {
			notes = append(notes, upper(row.Name)+": "+row.How+".")
		}
	}
	notes = append(notes, "Isolation and moving are not measured: they are the book's claims and no more.")
	for i, note := range notes {
		notes[i] = wrap(note, 110)
	}
	return notes
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// wrap breaks a text into lines of at most so many characters.
func wrap(s string, width int) string {
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(s) {
		n := utf8.RuneCountInString(word)
		switch {
		case column == 0:
		case column+1+n > width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}

// show is a value of this row for people.
func (r row) show(v float64) string {
	switch {
	case v == 0:
		return "–"
	case r.Unit == "s":
		return inSeconds(v)
	case r.Unit == "B":
		return inBytes(v)
	case r.Unit == "B/s":
		return inBytes(v) + "/s"
	}
	return grouped(v) + r.Unit
}

func inSeconds(v float64) string {
	if v < 1 {
		return digits(v*1000) + " ms"
	}
	return digits(v) + " s"
}

// inBytes uses powers of ten, as disks are sold.
func inBytes(v float64) string {
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if v < 999.5 {
			return digits(v) + " " + unit
		}
		v /= 1000
	}
	return digits(v) + " TB"
}

// digits are as many as mean something.
func digits(v float64) string {
	if v < 9.95 {
		return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
	}
	return fmt.Sprintf("%.0f", v)
}

func times(v float64) string {
	switch {
	case v == 0:
		return "–"
	case v < 0.095:
		return fmt.Sprintf("%.2f×", v)
	}
	return strings.TrimSuffix(groupedDigits(v), " ") + "×"
}

func groupedDigits(v float64) string {
	if v < 9.95 {
		return digits(v)
	}
	return grouped(v)
}

// grouped is a whole number with its thousands apart.
func grouped(v float64) string {
	s := fmt.Sprintf("%.0f", v)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
