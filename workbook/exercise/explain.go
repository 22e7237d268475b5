package exercise

import (
	"fmt"
	"strings"
)

// Explain says in words what the check found.
func (r Result) Explain() string {
	switch {
	case r.Passed:
		return "All that the check asks for holds.\n"
	case r.Skipped != "":
		return "This can't be checked here: " + r.Skipped + ".\n"
	}
	var b strings.Builder
	part := func(title, text string) {
		if text != "" {
			fmt.Fprintf(&b, "%s\n%s\n\n", title, indent(text))
		}
	}
	part("This should hold:", r.What)
	part("The check ran:", r.Command)
	switch {
	case r.What == compiles:
		part("The compiler says:", abridge(r.Output))
	case r.Command == "":
		part("This is there:", r.Output)
	case r.Output == "":
		b.WriteString("It printed nothing.\n\n")
	default:
		part("It printed:", abridge(r.Output))
	}
	b.WriteString(r.Detail + "\n")
	return b.String()
}

func indent(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = "    " + line
		}
	}
	return strings.Join(lines, "\n")
}

// abridge keeps the first and the last lines of a long text.
func abridge(text string) string {
	const first, last = 12, 12
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(lines) <= first+last+1 {
		return text
	}
	left := fmt.Sprintf("… (%d lines are left out here)", len(lines)-first-last)
	return strings.Join(lines[:first], "\n") + "\n" + left + "\n" + strings.Join(lines[len(lines)-last:], "\n")
}
