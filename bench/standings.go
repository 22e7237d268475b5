package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// A goal is what stave is to reach: to take so much of another's time, and no more.
type goal struct {
	row, program string
	most         float64
	words        string
}

var goals = []goal{
	{rowRun, crun, 0.8, "0.8"}, {rowCycle, crun, 0.8, "0.8"}, {rowExec, docker, 1. / 12, "1/12"}, {rowHost, docker, 1. / 12, "1/12"},
}

// of is what was measured of a program; 0 if it wasn't.
func (m measured) of(program string) float64 {
	for _, f := range m.Figures {
		if f.Program == program {
			return f.Value
		}
	}
	return 0
}

// writeTable prints medians, with their ratios to ours, and how they came about.
func (c comparison) writeTable(w io.Writer) error {
	columns := []string{ours, crun, runc, bwrap, docker, podman}
	table := [][]string{append(append([]string{""}, columns...), "")}
	var notes []string
	for _, m := range c.Rows {
		line := []string{m.Name}
		for _, column := range columns {
			cell := "–"
			if v := m.of(column); v > 0 {
				cell = m.show(v)
				if mine := m.of(ours); column != ours && mine > 0 {
					cell += " (" + times(v/mine) + ")"
				}
			}
			line = append(line, cell)
		}
		table = append(table, append(line, ""))
		for _, f := range m.Figures {
			if f.Why != "" {
				notes = append(notes, fmt.Sprintf("%s, %s: not measured: %s", upper(m.Name), f.Program, f.Why))
			}
		}
	}
	notes = append(c.notes(), notes...)
	for i, note := range notes {
		notes[i] = wrap(note, 110)
	}
	_, err := io.WriteString(w, align(table)+"\n"+c.goals()+"\n"+strings.Join(notes, "\n\n")+"\n")
	return err
}

// goals is a line each.
func (c comparison) goals() string {
	table := [][]string{}
	for _, g := range goals {
		for _, m := range c.Rows {
			if m.Name != g.row {
				continue
			}
			verdict, ratio := "not measured", "–"
			if mine, theirs := m.of(ours), m.of(g.program); mine > 0 && theirs > 0 {
				verdict, ratio = "missed", fmt.Sprintf("%.2g", mine/theirs)
				if mine/theirs <= g.most {
					verdict = "reached"
				}
			}
			table = append(table, []string{"goal: " + g.row, "at most " + g.words + " of " + g.program, ratio, verdict})
		}
	}
	if len(table) == 0 {
		return ""
	}
	return align(table)
}

// notes are what one has to know to read the table, a paragraph each.
func (c comparison) notes() []string {
	notes := []string{fmt.Sprintf("Measured on %s (%s), %d processors, %s of memory, on %s, with a load of %.1f. Medians of %d, taken in turns, each when nothing of the one before runs any more; in brackets how many times ours.",
		c.Machine.System, c.Machine.Arch, c.Machine.Processors, inBytes(float64(c.Machine.Memory)), c.Date.Format("2006-01-02"), c.Load, c.Runs)}
	for _, p := range c.Programs {
		if p.Missing != "" {
			notes = append(notes, upper(p.Name)+" doesn't take part: "+p.Missing)
		} else if p.Name != ours {
			notes = append(notes, upper(p.Name)+": "+p.Version+".")
		}
	}
	said := map[string]bool{}
	for _, m := range c.Rows {
		name, _, _ := strings.Cut(m.Name, ":")
		if !said[name] {
			notes = append(notes, upper(name)+": "+m.How+".")
		}
		said[name] = true
	}
	return append(notes, "What is done is the same for all but where it is said: all namespaces but the user's, Docker's default seccomp profile and capabilities, a cgroup with limits "+
		"of memory, processes and processor, no devices but the usual, masked and read-only paths. All have it on version 1 of cgroups where both versions are mounted: crun refuses "+
		"a machine where version 2 has controllers beside version 1.")
}

// publish prints the table and writes the files.
func (c comparison) publish(file, svg string) error {
	fmt.Println()
	if err := c.writeTable(os.Stdout); err != nil {
		return err
	}
	if file != "" {
		b, err := json.MarshalIndent(c, "", "  ")
		if err == nil {
			err = os.WriteFile(file, append(b, '\n'), 0o644)
		}
		if err != nil {
			return fmt.Errorf("writing the result: %w", err)
		}
		fmt.Printf("\nThe figures are in %s.\n", file)
	}
	if svg == "" {
		return nil
	}
	f, err := os.Create(svg)
	if err == nil {
		err = errors.Join(c.draw(f), f.Close())
	}
	if err != nil {
		return fmt.Errorf("drawing the result: %w", err)
	}
	fmt.Printf("They are drawn in %s.\n", svg)
	return nil
}

// Measures of this drawing, in pixels.
const (
	rowHead = 26
	rowLine = 20
	rowGap  = 8
)

// draw writes an SVG with a bar for every other program in every row: how many times ours.
func (c comparison) draw(w io.Writer) error {
	rows := c.comparable()
	var all []float64
	height := plotTop + plotBottom
	for _, m := range rows {
		for _, f := range m.others() {
			all = append(all, f.Value/m.of(ours))
		}
		height += rowHead + rowLine*len(m.others()) + rowGap
	}
	s := scale(all)
	var b strings.Builder
	page(&b, height, "What others take, as a multiple of stave", describe(rows))
	label(&b, "head", 24, 38, "start", "What the others take, as a multiple of what stave takes")
	label(&b, "soft", 24, 62, "start", fmt.Sprintf("%s, %d processors; medians of %d, in turns", c.Machine.System, c.Machine.Processors, c.Runs))
	s.axis(&b, plotTop, height-plotBottom+6, "stave is ahead →", "← the other is ahead")
	y := float64(plotTop)
	for _, m := range rows {
		label(&b, "", 24, y+18, "start", m.Name+": "+m.show(m.of(ours)))
		y += rowHead
		for _, f := range m.others() {
			ratio := f.Value / m.of(ours)
			s.thin(&b, ratio, y, f.Program, times(ratio)+", "+m.show(f.Value))
			y += rowLine
		}
		y += rowGap
	}
	fmt.Fprint(&b, "</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// comparable are the rows in which ours was measured, and others.
func (c comparison) comparable() []measured {
	return slices.DeleteFunc(slices.Clone(c.Rows), func(m measured) bool { return m.of(ours) == 0 || len(m.others()) == 0 })
}

// others are the figures that aren't ours.
func (m measured) others() []figure {
	return slices.DeleteFunc(slices.Clone(m.Figures), func(f figure) bool { return f.Program == ours || f.Value == 0 })
}

func (m measured) show(v float64) string { return row{Unit: m.Unit}.show(v) }

// describe is the drawing in words, for whoever can't see it.
func describe(rows []measured) string {
	var words []string
	for _, m := range rows {
		line := m.Name + ": stave " + m.show(m.of(ours))
		for _, f := range m.others() {
			line += ", " + f.Program + " " + m.show(f.Value)
		}
		words = append(words, line)
	}
	return "Bars on a logarithmic scale. " + strings.Join(words, "; ") + "."
}

// thin draws a bar from the line that means equal, and what it means to its right.
func (d decades) thin(b *strings.Builder, ratio, y float64, name, figures string) {
	from, to, class := d.x(1), d.x(ratio), "container"
	if to < from {
		from, to, class = to, from, "machine"
	}
	fmt.Fprintf(b, `  <rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="14" rx="2"/>`+"\n", class, from, y, max(to-from, 1))
	label(b, "soft", plotLeft-14, y+12, "end", name)
	// At the bar's end, or in front of it where there is no room.
	x, anchor := max(to, d.x(1))+6, "start"
	if x > plotRight-150 {
		x, anchor = d.x(1)-6, "end"
	}
	label(b, "soft", x, y+12, anchor, figures)
}
