package grep

import (
	"testing"
	"unicode/utf8"
)

// TestExtend: basic expressions, and what they are in the extended syntax; see regex(7).
func TestExtend(t *testing.T) {
	for basic, want := range map[string]string{
		"abc": "abc", "a.c*": "a.c*", "^a$": "^a$", "a+b?": `a\+b\?`, `a\+b\?`: "a+b?", "(a|b)": `\(a\|b\)`, `\(a\|b\)`: "(a|b)",
		`a\{2,3\}`: "a{2,3}", "a{2}": `a\{2\}`, "*a": `\*a`, "^*a": `^\*a`, "[+*(]": "[+*(]", "[]a]+": `[]a]\+`, "[^]]": "[^]]",
		`\.`: `\.`, "[[:alpha:]]|": `[[:alpha:]]\|`, `\`: `\`, "[": "[",
	} {
		if got := extend(basic); got != want {
			t.Errorf("%q is %q; it should be %q", basic, got, want)
		}
	}
}

func TestCompile(t *testing.T) {
	for _, test := range []struct {
		syntax   syntax
		patterns []string
		text     string
		want     bool
	}{
		{syntax{}, []string{"a+"}, "aa", false},
		{syntax{extended: true}, []string{"a+"}, "aa", true},
		{syntax{fixed: true}, []string{"a.c"}, "abc", false},
		{syntax{fixed: true}, []string{"a.c"}, "xa.cx", true},
		{syntax{fold: true}, []string{"ABC"}, "abc", true},
		{syntax{words: true}, []string{"ab"}, "abc", false},
		{syntax{words: true}, []string{"ab"}, "x ab y", true},
		{syntax{lines: true}, []string{"ab", "cd"}, "abcd", false},
		{syntax{lines: true}, []string{"ab", "cd"}, "cd", true},
		{syntax{}, []string{"x\ny"}, "y", true},
	} {
		compiled, err := test.syntax.compile(test.patterns)
		if err != nil {
			t.Errorf("%+v %q: %v", test.syntax, test.patterns, err)
			continue
		}
		if got := compiled.MatchString(test.text); got != test.want {
			t.Errorf("%+v %q matches %q: %v", test.syntax, test.patterns, test.text, got)
		}
	}
	if _, err := (syntax{extended: true}).compile([]string{"("}); err == nil {
		t.Error("a bracket that is never closed is taken")
	}
}

// FuzzCompile: fixed text matches itself, whatever it is.
func FuzzCompile(f *testing.F) {
	f.Add("a.c*[", true)
	f.Add(`\(`, false)
	f.Fuzz(func(t *testing.T, pattern string, fixed bool) {
		compiled, err := syntax{fixed: fixed, extended: !fixed && len(pattern)%2 == 0}.compile([]string{pattern})
		if fixed && utf8.ValidString(pattern) && (err != nil || !compiled.MatchString(pattern)) {
			t.Errorf("%q doesn't match itself: %v", pattern, err)
		}
	})
}
