package grade

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// How much is told of a failure, in bytes, and how much of a line, in characters.
const (
	mostExplanation = 8 << 10
	mostLine        = 400
)

// clean makes a text fit for a teacher's terminal and gradebook: what a student's program has printed may hold sequences that
// change the one, and may be as long as it likes. Control characters go, and those that hide or turn the direction of writing.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			return r
		case r == '\t':
			return ' '
		}
		return -1
	}, strings.ToValidUTF8(text, "?"))
	var b strings.Builder
	for line := range strings.Lines(strings.TrimSpace(text)) {
		if b.Len() > mostExplanation {
			b.WriteString("… (and more)")
			break
		}
		if utf8.RuneCountInString(line) > mostLine {
			line = string([]rune(line)[:mostLine]) + "…\n"
		}
		b.WriteString(line)
	}
	return strings.TrimSpace(b.String())
}

// Line is a student's, for a list: the name in so many columns, the points, and what became of each exercise.
func (s Student) Line(columns int) string {
	name := oneLine(s.Name)
	name += strings.Repeat(" ", max(0, columns-utf8.RuneCountInString(name)))
	if s.Error != "" {
		return name + "  not graded: " + oneLine(s.Error)
	}
	parts := make([]string, len(s.Marks))
	for i, m := range s.Marks {
		parts[i] = m.Exercise + " " + string(m.Result)
	}
	return fmt.Sprintf("%s  %2d of %d   %s", name, s.Points, s.Of, strings.Join(parts, ", "))
}

// Explain writes why exercises were not passed, indented below the student's line.
func (s Student) Explain(w io.Writer) error {
	for _, m := range s.Marks {
		if m.Explanation == "" {
			continue
		}
		text := strings.ReplaceAll("\n"+m.Explanation, "\n", "\n      ")
		if _, err := fmt.Fprintf(w, "    %s %s: %s%s\n\n", m.Exercise, m.Title, m.Result, text); err != nil {
			return err
		}
	}
	return nil
}

// Graded tells whether nothing was left ungraded.
func (s Student) Graded() bool {
	for _, m := range s.Marks {
		if m.Result == Ungraded {
			return false
		}
	}
	return s.Error == ""
}

// oneLine is clean for what has to stay on its line.
func oneLine(s string) string { return strings.ReplaceAll(clean(s), "\n", " ") }
