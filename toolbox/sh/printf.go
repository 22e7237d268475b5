package sh

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// printf writes its arguments as the format says, and uses the format again while there are arguments left.
func printf(s *shell, args []string) error {
	words := args[1:]
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) == 0 {
		return s.refuse("printf: a format is needed")
	}
	f := formatter{words: words[1:]}
	for {
		before := len(f.words)
		f.pass(words[0])
		if f.ended || len(f.words) == 0 || len(f.words) == before {
			break
		}
	}
	s.write(f.out.String())
	if f.err != nil {
		s.errorf("printf: %v", f.err)
		s.status = failure
	}
	return nil
}

// formatter is printf under way; see printf in POSIX, and "File Format Notation" there.
type formatter struct {
	words []string // arguments not used yet
	out   strings.Builder
	ended bool  // \c was met
	err   error // the first; formatting goes on, as it does elsewhere
}

// pass writes the format once.
func (f *formatter) pass(format string) {
	for format != "" && !f.ended {
		switch {
		case strings.HasPrefix(format, "%%"):
			f.out.WriteByte('%')
			format = format[2:]
		case format[0] == '%':
			format = f.directive(format)
		case format[0] == '\\':
			text, length, ended := escape(format, false)
			f.out.WriteString(text)
			f.ended = ended
			format = format[length:]
		default:
			f.out.WriteByte(format[0])
			format = format[1:]
		}
	}
}

func (f *formatter) next() (string, bool) {
	if len(f.words) == 0 {
		return "", false
	}
	word := f.words[0]
	f.words = f.words[1:]
	return word, true
}

// directive writes one argument, as the directive that the format starts with says, and returns what is after that.
func (f *formatter) directive(format string) string {
	end := 1
	var verb strings.Builder // in Go's notation, which takes the same flags
	verb.WriteByte('%')
	for end < len(format) && strings.IndexByte("#0- +.123456789*'", format[end]) >= 0 {
		switch c := format[end]; c {
		case '*':
			word, _ := f.next()
			verb.WriteString(strconv.FormatInt(f.integer(word), 10))
		case '\'':
		default:
			verb.WriteByte(c)
		}
		end++
	}
	for end < len(format) && strings.IndexByte("hlLjzt", format[end]) >= 0 { // sizes in C, which mean nothing here
		end++
	}
	if end == len(format) {
		f.fail(fmt.Errorf("%s: a directive without its letter", format))
		return ""
	}
	letter := format[end]
	f.convert(verb.String(), letter)
	return format[end+1:]
}

func (f *formatter) convert(verb string, letter byte) {
	word, given := f.next()
	switch letter {
	case 's':
		fmt.Fprintf(&f.out, verb+"s", word)
	case 'b':
		text, ended := unescape(word)
		f.ended = ended
		fmt.Fprintf(&f.out, verb+"s", text)
	case 'q':
		fmt.Fprintf(&f.out, verb+"s", quote(word))
	case 'c':
		_, size := utf8.DecodeRuneInString(word)
		fmt.Fprintf(&f.out, verb+"s", word[:size])
	case 'd', 'i':
		fmt.Fprintf(&f.out, verb+"d", f.integer(word))
	case 'u':
		fmt.Fprintf(&f.out, verb+"d", uint64(f.integer(word)))
	case 'o', 'x', 'X':
		fmt.Fprintf(&f.out, verb+string(letter), uint64(f.integer(word)))
	case 'e', 'E', 'f', 'F', 'g', 'G':
		n, err := strconv.ParseFloat(strings.TrimSpace(word), 64)
		if err != nil && given {
			f.fail(fmt.Errorf("%q: a number is needed", word))
		}
		fmt.Fprintf(&f.out, verb+string(letter), n)
	default:
		f.fail(fmt.Errorf("%%%c: no such directive", letter))
	}
}

func (f *formatter) fail(err error) { f.err = errors.Join(f.err, err) }

// integer reads a number as C writes them, or a quote and a character for that character's number.
func (f *formatter) integer(word string) int64 {
	word = strings.TrimSpace(word)
	if len(word) > 1 && (word[0] == '\'' || word[0] == '"') {
		r, _ := utf8.DecodeRuneInString(word[1:])
		return int64(r)
	}
	if word == "" {
		return 0
	}
	n, err := strconv.ParseInt(word, 0, 64)
	if err != nil {
		if u, err := strconv.ParseUint(word, 0, 64); err == nil {
			return int64(u)
		}
		f.fail(fmt.Errorf("%q: a number is needed", word))
	}
	return n
}

// unescape writes the backslashes of echo -e and %b out. ended says that \c came, after which nothing is written.
func unescape(text string) (out string, ended bool) {
	var b strings.Builder
	for text != "" {
		if text[0] != '\\' {
			b.WriteByte(text[0])
			text = text[1:]
			continue
		}
		part, length, stop := escape(text, true)
		b.WriteString(part)
		if stop {
			return b.String(), true
		}
		text = text[length:]
	}
	return b.String(), false
}

// escape reads the escape that text starts with. In what echo -e and %b take, octal starts with \0.
func escape(text string, zeroOctal bool) (out string, length int, ended bool) {
	if len(text) < 2 {
		return text, len(text), false
	}
	if at := strings.IndexByte(`abefnrtv\`, text[1]); at >= 0 {
		return "\a\b\x1b\f\n\r\t\v\\"[at : at+1], 2, false
	}
	switch c := text[1]; {
	case c == 'c':
		return "", 2, true
	case c == 'x':
		return numbered(text, 2, 16, 2)
	case c == '0' && zeroOctal:
		return numbered(text, 2, 8, 3)
	case c >= '0' && c <= '7':
		return numbered(text, 1, 8, 3)
	case c == 'u':
		return numbered(text, 2, 16, 4)
	case c == '"' || c == '\'':
		return text[1:2], 2, false
	}
	return text[:2], 2, false
}

// numbered reads an escape whose digits start at from.
func numbered(text string, from, base, most int) (out string, length int, ended bool) {
	end := from
	for end < len(text) && end < from+most {
		if _, err := strconv.ParseUint(text[end:end+1], base, 8); err != nil {
			break
		}
		end++
	}
	n, err := strconv.ParseUint(text[from:end], base, 32)
	switch {
	case err != nil && text[1] == '0':
		return "\x00", 2, false
	case err != nil:
		return text[:from], from, false
	case text[1] == 'u':
		return string(rune(n)), end, false
	}
	return string([]byte{byte(n)}), end, false
}
