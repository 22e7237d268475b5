package main

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// Measures of the drawing, in pixels.
const (
	plotWidth  = 900
	plotLeft   = 150 // where the scale begins
	plotRight  = 860
	plotTop    = 92
	plotRow    = 58
	barHeight  = 20
	plotBottom = 64
)

const plotStyle = `
    text { font: 14px ui-sans-serif, system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328; }
    .head { font-weight: 600; font-size: 16px; }
    .soft { fill: #59636e; font-size: 13px; }
    .page { fill: #ffffff; stroke: #d1d9e0; }
    .grid { stroke: #d1d9e0; stroke-width: 1; }
    .one { stroke: #818b98; stroke-width: 1.6; }
    .container { fill: #1f6fb2; }
    .machine { fill: #b4690e; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .soft { fill: #9198a1; }
      .page { fill: #0d1117; stroke: #3d444d; }
      .grid { stroke: #30363d; }
      .one { stroke: #9198a1; }
      .container { fill: #7cc0ff; }
      .machine { fill: #f0b35a; }
    }
`

// draw writes an SVG with a bar for every row that has a ratio. The scale is logarithmic: equal steps are equal factors.
func (r result) draw(w io.Writer) error {
	var rows []row
	for _, row := range r.Rows {
		if row.ahead() > 0 {
			rows = append(rows, row)
		}
	}
	s := scale(ratios(rows))
	height := plotTop + plotRow*len(rows) + plotBottom
	var b strings.Builder
	page(&b, height, "How far a container is ahead of a virtual machine", r.describe(rows))
	label(&b, "head", 24, 38, "start", "How many times better a container is")
	label(&b, "soft", 24, 62, "start", r.subtitle())
	s.axis(&b, plotTop, height-plotBottom+6, "the container is ahead →", "← the virtual machine is ahead")
	for i, row := range rows {
		s.bar(&b, row, plotTop+plotRow*i)
	}
	fmt.Fprint(&b, "</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// page begins a drawing.
func page(b *strings.Builder, height int, title, description string) {
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="title desc">`+"\n", plotWidth, height)
	fmt.Fprintf(b, "  <title id=\"title\">%s</title>\n", escape(title))
	fmt.Fprintf(b, "  <desc id=\"desc\">%s</desc>\n", escape(description))
	fmt.Fprintf(b, "  <style>%s  </style>\n", plotStyle)
	fmt.Fprintf(b, `  <rect class="page" x="0.5" y="0.5" width="%d" height="%d" rx="10"/>`+"\n", plotWidth-1, height-1)
}

// subtitle tells what was compared.
func (r result) subtitle() string {
	s := fmt.Sprintf("%s, %d processors; the virtual machine by qemu with %s", r.Machine.System, r.Machine.Processors, r.VM.Accelerator)
	if r.VM.Accelerator == "tcg" {
		s += ", which translates every instruction"
	}
	return s
}

// describe is the drawing in words, for whoever can't see it.
func (r result) describe(rows []row) string {
	parts := make([]string, len(rows))
	for i, row := range rows {
		parts[i] = fmt.Sprintf("%s: container %s, virtual machine %s", row.Name, row.show(row.Container), row.show(row.VM))
	}
	return "Bars on a logarithmic scale. " + strings.Join(parts, "; ") + "."
}

// decades is a logarithmic scale between two powers of ten.
type decades struct{ low, high int }

func ratios(rows []row) (list []float64) {
	for _, row := range rows {
		list = append(list, row.ahead())
	}
	return list
}

// scale has room for all of these.
func scale(ratios []float64) decades {
	d := decades{low: 0, high: 1}
	for _, ratio := range ratios {
		log := math.Log10(ratio)
		d.low = min(d.low, int(math.Floor(log)))
		d.high = max(d.high, int(math.Ceil(log)))
	}
	return d
}

func (d decades) x(v float64) float64 {
	return plotLeft + (math.Log10(v)-float64(d.low))/float64(d.high-d.low)*(plotRight-plotLeft)
}

// axis draws a line for each power of ten, and says below what it is, and who is ahead on either side.
func (d decades) axis(b *strings.Builder, top, bottom int, right, left string) {
	for e := d.low; e <= d.high; e++ {
		class, v := "grid", math.Pow10(e)
		if e == 0 {
			class = "one"
		}
		fmt.Fprintf(b, `  <line class="%s" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`+"\n", class, d.x(v), top, d.x(v), bottom)
		name := times(v)
		if e == 0 {
			name = "equal"
		}
		label(b, "soft", d.x(v), float64(bottom+18), "middle", name)
	}
	label(b, "soft", plotRight, float64(bottom+42), "end", right)
	if d.low < 0 {
		label(b, "soft", plotLeft, float64(bottom+42), "start", left)
	}
}

// bar draws one row from the line that means equal.
func (d decades) bar(b *strings.Builder, r row, top int) {
	from, to, class := d.x(1), d.x(r.ahead()), "container"
	if to < from {
		from, to, class = to, from, "machine"
	}
	y := top + 6
	fmt.Fprintf(b, `  <rect class="%s" x="%.1f" y="%d" width="%.1f" height="%d" rx="2"/>`+"\n", class, from, y, max(to-from, 1), barHeight)
	label(b, "", plotLeft-14, float64(y+15), "end", r.Name)
	values := fmt.Sprintf("%s against %s", r.show(r.Container), r.show(r.VM))
	label(b, "soft", d.x(1)+6, float64(y+barHeight+16), "start", times(r.ahead())+", "+values)
}

func label(b *strings.Builder, class string, x, y float64, anchor, text string) {
	if class != "" {
		class = ` class="` + class + `"`
	}
	fmt.Fprintf(b, `  <text%s x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", class, x, y, anchor, escape(text))
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
