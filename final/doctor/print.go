package doctor

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"
)

// Run gathers, diagnoses and prints to w. It reports whether every step can run.
func Run(ctx context.Context, w io.Writer, opts Options) (ok bool, err error) {
	facts, err := Gather(ctx, opts)
	if err != nil {
		return false, err
	}
	findings := Diagnose(facts)
	worst := slices.Max(slices.Collect(maps.Values(Ready(findings))))
	return worst < Missing, Print(w, findings, Colourful(w))
}

// Colourful reports whether w is a terminal whose user wants colour; no-color.org.
func Colourful(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(file.Fd()))
}

// words are how a Status is printed: of a finding, of a step, and with which of the terminal's colours (green, yellow, red).
var words = map[Status]struct{ finding, step, colour string }{
	OK:      {"ok", "ready", "\x1b[32m"},
	Limited: {"limited", "limited", "\x1b[33m"},
	Missing: {"missing", "blocked", "\x1b[31m"},
}

// Columns: a word, then a label or name, then text, broken where it explains.
const (
	wordWidth  = 7
	labelWidth = 7
	textWidth  = 76
)

// Print shows findings as a table, each trouble with its cause and its way out
// below it, and ends with which steps can run.
func Print(w io.Writer, findings []Finding, colour bool) error {
	p := printer{bufio.NewWriter(w), colour}
	nameWidth := 0
	for _, f := range findings {
		nameWidth = max(nameWidth, len(f.Name))
	}
	for i, f := range findings {
		fmt.Fprintf(p, "%s  %-*s  %s\n", p.paint(f.Status, words[f.Status].finding), nameWidth, f.Name, f.Found)
		if f.Status == OK {
			continue
		}
		p.paragraph("why", f.Why)
		same := func(earlier Finding) bool { return len(f.Fixes) > 0 && slices.Equal(earlier.Fixes, f.Fixes) }
		if earlier := slices.IndexFunc(findings[:i], same); earlier >= 0 {
			p.paragraph("fix", "as for "+findings[earlier].Name)
		} else {
			p.fixes(f.Fixes)
		}
		p.paragraph("affects", affected(f.Steps))
	}
	p.summary(Ready(findings))
	return p.Flush()
}

type printer struct {
	*bufio.Writer
	colour bool
}

func (p printer) paint(s Status, word string) string {
	padded := fmt.Sprintf("%-*s", wordWidth, word)
	if !p.colour {
		return padded
	}
	return words[s].colour + padded + "\x1b[0m"
}

// paragraph prints text below a finding, wrapped, with a label before its first line.
func (p printer) paragraph(label, text string) {
	for line := range wrap(text, textWidth) {
		p.line(label, line)
		label = ""
	}
}

func (p printer) line(label, text string) {
	fmt.Fprintf(p, "%*s  %-*s  %s\n", wordWidth, "", labelWidth, label, text)
}

// fixes prints commands whole and without a prompt, to be copied.
func (p printer) fixes(fixes []Fix) {
	label := "fix"
	for _, fix := range fixes {
		p.paragraph(label, fix.Text)
		if fix.Text != "" {
			label = ""
		}
		if fix.Command != "" {
			p.line(label, "    "+fix.Command)
		}
		label = ""
	}
}

func (p printer) summary(ready map[string]Status) {
	fmt.Fprintln(p)
	for _, status := range []Status{OK, Limited, Missing} {
		steps := slices.DeleteFunc(slices.Clone(Steps), func(step string) bool { return ready[step] != status })
		if len(steps) > 0 {
			fmt.Fprintf(p, "%s  %s\n", p.paint(status, words[status].step), strings.Join(steps, "  "))
		}
	}
}

// affected shortens the steps to a range where they are one.
func affected(steps []string) string {
	switch n := len(steps); {
	case n == len(Steps):
		return "every step"
	case n > 2 && steps[n-1] == Steps[len(Steps)-1]:
		return steps[0] + " and all after it"
	default:
		return strings.Join(steps, ", ")
	}
}

// wrap breaks text between words, into lines of at most width where that can be.
func wrap(text string, width int) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		line := ""
		for word := range strings.FieldsSeq(text) {
			if line != "" && len(line)+1+len(word) > width {
				if !yield(line) {
					return
				}
				line = ""
			}
			line = strings.TrimPrefix(line+" "+word, " ")
		}
		if line != "" {
			yield(line)
		}
	}
}
