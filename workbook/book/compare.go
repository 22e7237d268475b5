package book

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// mask replaces what the expressions match by marks that name the expression, so that lines can be compared. Where matches
// overlap the leftmost counts, of those the longest, and of those the expression named first.
func mask(lines []string, vary []*regexp.Regexp) []string {
	masked := make([]string, len(lines))
	for i, line := range lines {
		masked[i] = maskLine(line, vary)
	}
	return masked
}

func maskLine(line string, vary []*regexp.Regexp) string {
	type match struct{ start, end, expression int }
	var matches []match
	for i, expression := range vary {
		for _, m := range expression.FindAllStringIndex(line, -1) {
			if m[0] < m[1] {
				matches = append(matches, match{m[0], m[1], i})
			}
		}
	}
	slices.SortFunc(matches, func(a, b match) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end), cmp.Compare(a.expression, b.expression))
	})
	var out strings.Builder
	done := 0
	for _, m := range matches {
		if m.start >= done {
			fmt.Fprintf(&out, "%s\x00%d\x00", line[done:m.start], m.expression)
			done = m.end
		}
	}
	out.WriteString(line[done:])
	return out.String()
}

// difference says where an output isn't what the page shows.
type difference struct {
	line int    // of the lines shown, from 0
	text string // in words
}

// compare holds the lines that came out against those shown. It returns nil if they agree.
func compare(shown, actual []string, vary []*regexp.Regexp) *difference {
	want, got := mask(shown, vary), mask(actual, vary)
	at := 0 // the lines of got before it are accounted for
	for start := 0; ; {
		// The lines up to the next … stay together. Those before the first come first, those after the last come last.
		end := start
		for end < len(shown) && shown[end] != anything {
			end++
		}
		group := want[start:end]
		switch {
		case start == 0:
		case end == len(want):
			at = max(at, len(got)-len(group))
		default:
			for !beginsWith(got[at:], group) {
				if at++; at >= len(got) {
					return &difference{start, fmt.Sprintf("the page shows %q, but no such lines came out after those before the %s", shown[start], anything)}
				}
			}
		}
		for i := range group {
			if at+i >= len(got) {
				return &difference{start + i, fmt.Sprintf("the page shows %q, but no more came out", shown[start+i])}
			}
			if group[i] != got[at+i] {
				return &difference{start + i, fmt.Sprintf("the page shows %q, but %q came out", shown[start+i], actual[at+i])}
			}
		}
		at += len(group)
		if end == len(want) {
			if at < len(got) && start == 0 {
				return &difference{end, fmt.Sprintf("the page shows no more lines, but %q came out", actual[at])}
			}
			return nil
		}
		start = end + 1
	}
}

func beginsWith(lines, group []string) bool {
	return len(lines) >= len(group) && slices.Equal(lines[:len(group)], group)
}
