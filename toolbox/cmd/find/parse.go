package find

import (
	"fmt"
	"strconv"
	"strings"
)

// A test says whether a file is meant, and may do something with it. Its error ends the search.
type test func(*file) (bool, error)

// parser reads an expression: alternatives of sequences of terms.
type parser struct {
	finder *finder
	words  []string
}

func (p *parser) all() (test, error) {
	if len(p.words) == 0 {
		return always, nil
	}
	t, err := p.alternatives()
	if err == nil && len(p.words) > 0 {
		return nil, fmt.Errorf("%q: unexpected here", p.words[0])
	}
	return t, err
}

func always(*file) (bool, error) { return true, nil }

func (p *parser) alternatives() (test, error) {
	left, err := p.sequence()
	for err == nil && p.take("-o", "-or") {
		var right test
		if right, err = p.sequence(); err == nil {
			left = either(left, right)
		}
	}
	return left, err
}

func either(left, right test) test {
	return func(f *file) (bool, error) {
		if matches, err := left(f); matches || err != nil {
			return matches, err
		}
		return right(f)
	}
}

func (p *parser) sequence() (test, error) {
	left, err := p.term()
	for err == nil && len(p.words) > 0 && p.words[0] != "-o" && p.words[0] != "-or" && p.words[0] != ")" {
		p.take("-a", "-and")
		var right test
		if right, err = p.term(); err == nil {
			left = both(left, right)
		}
	}
	return left, err
}

func both(left, right test) test {
	return func(f *file) (bool, error) {
		if matches, err := left(f); !matches || err != nil {
			return false, err
		}
		return right(f)
	}
}

func (p *parser) term() (test, error) {
	switch {
	case p.take("!", "-not"):
		inner, err := p.term()
		return func(f *file) (bool, error) {
			matches, err := inner(f)
			return !matches, err
		}, err
	case p.take("("):
		inner, err := p.alternatives()
		if err == nil && !p.take(")") {
			err = fmt.Errorf("a ( is never closed")
		}
		return inner, err
	case len(p.words) == 0:
		return nil, fmt.Errorf("the expression ends too early")
	}
	name := p.words[0]
	p.words = p.words[1:]
	if t, ok, err := p.action(name); ok {
		return t, err
	}
	if t, ok, err := p.global(name); ok {
		return t, err
	}
	return p.simple(name)
}

// take moves on if the next word is one of those.
func (p *parser) take(words ...string) bool {
	for _, word := range words {
		if len(p.words) > 0 && p.words[0] == word {
			p.words = p.words[1:]
			return true
		}
	}
	return false
}

func (p *parser) argument(name string) (string, error) {
	if len(p.words) == 0 {
		return "", fmt.Errorf("%s needs an argument", name)
	}
	word := p.words[0]
	p.words = p.words[1:]
	return word, nil
}

// global reads what holds for the whole search; where it stands in the expression doesn't matter.
func (p *parser) global(name string) (test, bool, error) {
	switch name {
	case "-maxdepth", "-mindepth":
		text, err := p.argument(name)
		if err != nil {
			return nil, true, err
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return nil, true, fmt.Errorf("%s %s: a number is needed", name, text)
		}
		if name == "-maxdepth" {
			p.finder.deepest = n
		} else {
			p.finder.shallow = n
		}
	case "-depth":
		p.finder.childrenFirst = true
	case "-xdev", "-mount":
		p.finder.one = true
	default:
		return nil, false, nil
	}
	return always, true, nil
}

// number reads N, +N for more, -N for less, with one of the given units at the end.
func number(text, units string) (matches func(int64) bool, unit byte, err error) {
	digits := strings.TrimLeft(text, "+-")
	if last := len(digits) - 1; last > 0 && strings.IndexByte(units, digits[last]) >= 0 {
		unit = digits[last]
		digits = digits[:last]
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || len(text) > 1 && strings.ContainsAny(text[1:], "+-") {
		return nil, 0, fmt.Errorf("%q is not a number such as 5, +5 or -5", text)
	}
	switch text[0] {
	case '+':
		return func(value int64) bool { return value > n }, unit, nil
	case '-':
		return func(value int64) bool { return value < n }, unit, nil
	}
	return func(value int64) bool { return value == n }, unit, nil
}
