package xargs

import (
	"reflect"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for text, want := range map[string][]string{
		"": nil, " \n\t": nil, "a b\nc\n": {"a", "b", "c"}, `"a b" 'c "d"' e\ f`: {"a b", `c "d"`, "e f"}, `a"b"c`: {"abc"}, `""`: {""},
	} {
		if got, err := split(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q has the words %q, %v; they should be %q", text, got, err, want)
		}
	}
	if words, err := split(`it's`); err == nil {
		t.Errorf("a quote that is never closed gives %q", words)
	}
}

// FuzzSplit: words without anything special in them come out as they are.
func FuzzSplit(f *testing.F) {
	f.Add("a b")
	f.Add(`"`)
	f.Add(`\`)
	f.Fuzz(func(t *testing.T, text string) {
		words, err := split(text)
		if strings.ContainsAny(text, "\"'\\\r\v\f\u0085\u00a0") || strings.ToValidUTF8(text, "") != text {
			return
		}
		plain := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\t' || r == '\n' })
		if err != nil || strings.Join(words, "\x00") != strings.Join(plain, "\x00") {
			t.Errorf("%q has the words %q, %v; they should be %q", text, words, err, plain)
		}
	})
}
