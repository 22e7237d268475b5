package grep

import (
	"fmt"
	"regexp"
	"strings"
)

// A syntax is how patterns are to be understood.
type syntax struct {
	extended, fixed, fold, words, lines bool
}

// compile makes one expression of the patterns, any of which may match. A pattern of several lines is several.
func (x syntax) compile(patterns []string) (*regexp.Regexp, error) {
	var parts []string
	for _, pattern := range strings.Split(strings.Join(patterns, "\n"), "\n") {
		switch {
		case x.fixed:
			pattern = regexp.QuoteMeta(pattern)
		case !x.extended:
			pattern = extend(pattern)
		}
		parts = append(parts, "(?:"+pattern+")")
	}
	all := strings.Join(parts, "|")
	switch {
	case x.lines:
		all = "^(?:" + all + ")$"
	case x.words:
		all = `\b(?:` + all + `)\b`
	}
	if x.fold {
		all = "(?i)" + all
	}
	compiled, err := regexp.Compile(all)
	if err != nil {
		return nil, fmt.Errorf("the pattern can't be understood: %w", err)
	}
	compiled.Longest() // as POSIX has it
	return compiled, nil
}

// extend turns a basic regular expression into an extended one, by swapping which of ? + | ( ) { } have a backslash.
// A * at the start is a letter there; see regex(7).
func extend(basic string) string {
	var text strings.Builder
	for i := 0; i < len(basic); i++ {
		c := basic[i]
		switch {
		case c == '\\' && i+1 < len(basic):
			i++
			if !strings.ContainsRune("?+|(){}", rune(basic[i])) {
				text.WriteByte('\\')
			}
			text.WriteByte(basic[i])
		case strings.ContainsRune("?+|(){}", rune(c)), c == '*' && (text.Len() == 0 || text.String() == "^"):
			text.WriteByte('\\')
			text.WriteByte(c)
		case c == '[':
			end := bracket(basic[i:])
			text.WriteString(basic[i : i+end])
			i += end - 1
		default:
			text.WriteByte(c)
		}
	}
	return text.String()
}

// bracket returns the length of the bracket expression that text starts with. A ] that comes first is part of it.
func bracket(text string) int {
	i := 1
	if i < len(text) && text[i] == '^' {
		i++
	}
	if i < len(text) && text[i] == ']' {
		i++
	}
	for ; i < len(text); i++ {
		if strings.HasPrefix(text[i:], "[:") {
			if end := strings.Index(text[i:], ":]"); end > 0 {
				i += end + 1
				continue
			}
		}
		if text[i] == ']' {
			return i + 1
		}
	}
	return len(text)
}
