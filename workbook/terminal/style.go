package terminal

import (
	"fmt"
	"strings"
)

// Style is which colours are used.
type Style string

// Plain has no colours: emphasis is as Markdown writes it. Dark is for light text on a dark background, Light for the
// contrary.
const (
	Plain Style = "plain"
	Dark  Style = "dark"
	Light Style = "light"
)

// ParseStyle understands what a person types.
func ParseStyle(name string) (Style, error) {
	switch s := Style(name); s {
	case Plain, Dark, Light:
		return s, nil
	}
	return "", fmt.Errorf("there is no style %q: it is dark, light or plain", name)
}

// paint is how something looks: the parameters of the escape sequence "select graphic rendition"; see console_codes(4).
type paint string

// palette has a paint for everything. Colours are of the 256, and are chosen for contrast with the background.
type palette struct {
	title, heading, strong, emphasis, code, link paint
	prompt, keyword, text, number, comment       paint
	dim                                          paint
}

var palettes = map[Style]palette{
	Plain: {},
	Dark: {
		title: "1;38;5;81", heading: "1;38;5;81", strong: "1", emphasis: "3", code: "38;5;180", link: "4;38;5;117",
		prompt: "1", keyword: "38;5;117", text: "38;5;150", number: "38;5;180", comment: "38;5;245",
		dim: "38;5;245",
	},
	Light: {
		title: "1;38;5;25", heading: "1;38;5;25", strong: "1", emphasis: "3", code: "38;5;94", link: "4;38;5;25",
		prompt: "1", keyword: "38;5;25", text: "38;5;28", number: "38;5;94", comment: "38;5;241",
		dim: "38;5;241",
	},
}

// on returns text that looks so.
func (p paint) on(text string) string {
	if p == "" || text == "" {
		return text
	}
	return "\x1b[" + string(p) + "m" + text + "\x1b[0m"
}

// with adds to how something looks already.
func (p paint) with(other paint) paint {
	if p == "" || other == "" {
		return p + other
	}
	return p + ";" + other
}

// Diff gives a unified diff the usual colours: red for what goes, green for what comes. They are of the terminal's own
// eight, which suit its background.
func Diff(text string) string {
	const red, green, cyan, bold = paint("31"), paint("32"), paint("36"), paint("1")
	var out strings.Builder
	for line := range strings.Lines(text) {
		content := strings.TrimSuffix(line, "\n")
		look := paint("")
		switch {
		case strings.HasPrefix(line, "diff "), strings.HasPrefix(line, "--- "), strings.HasPrefix(line, "+++ "):
			look = bold
		case strings.HasPrefix(line, "@@ "):
			look = cyan
		case strings.HasPrefix(line, "-"):
			look = red
		case strings.HasPrefix(line, "+"):
			look = green
		}
		out.WriteString(look.on(content) + line[len(content):])
	}
	return out.String()
}
