package terminal

import (
	"slices"
	"strings"

	extast "github.com/yuin/goldmark/extension/ast"
)

const gutter = "  "

// table writes a table in columns. Where it is too wide, the widest columns give way.
func (r *renderer) table(n *extast.Table) {
	var rows [][][]word
	for row := n.FirstChild(); row != nil; row = row.NextSibling() {
		var cells [][]word
		for cell := row.FirstChild(); cell != nil; cell = cell.NextSibling() {
			cells = append(cells, r.words(cell))
		}
		rows = append(rows, cells)
	}
	widths := columnWidths(rows, r.width)
	for i, cells := range rows {
		r.row(cells, widths)
		if i == 0 {
			rules := make([]string, len(widths))
			for j, w := range widths {
				rules[j] = strings.Repeat("─", w)
			}
			r.line(r.look.dim.on(strings.Join(rules, gutter)))
		}
	}
}

// row writes one row, in as many lines as its longest cell takes.
func (r *renderer) row(cells [][]word, widths []int) {
	columns := make([][]string, len(widths))
	height := 0
	for i := range min(len(cells), len(widths)) {
		columns[i] = wrap(cells[i], widths[i], widths[i])
		height = max(height, len(columns[i]))
	}
	for l := range height {
		var line strings.Builder
		for i, column := range columns {
			text := ""
			if l < len(column) {
				text = column[l]
			}
			line.WriteString(text + strings.Repeat(" ", max(0, widths[i]-width(text))) + gutter)
		}
		r.line(line.String())
	}
}

// columnWidths are what the columns need, made narrower until they fit; but never than their longest word.
func columnWidths(rows [][][]word, most int) []int {
	var widths, least []int
	for _, cells := range rows {
		for i, cell := range cells {
			if i == len(widths) {
				widths, least = append(widths, 1), append(least, 1)
			}
			total := len(cell) - 1
			for _, w := range cell {
				total += w.width()
				least[i] = max(least[i], w.width())
			}
			widths[i] = max(widths[i], total)
		}
	}
	for sum(widths)+len(gutter)*(len(widths)-1) > most {
		widest := -1
		for i := range widths {
			if widths[i] > least[i] && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
	}
	return widths
}

func sum(numbers []int) int {
	total := 0
	for n := range slices.Values(numbers) {
		total += n
	}
	return total
}
