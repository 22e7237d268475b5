package book

import (
	"slices"
	"testing"
	"testing/fstest"
)

func TestMessages(t *testing.T) {
	b := &Book{files: fstest.MapFS{"one.go": {Data: []byte(`package one
var err = fmt.Errorf("opening %q: %w: run \"doctor\"", name, err)
`)}}}
	for text, want := range map[string][]string{
		"### `opening \"x\": denied: run \"doctor\"`\n<!-- in one.go \"opening %q: %w: run \\\"doctor\\\"\" -->\n": nil,
		"### `opening x: denied`\n<!-- in one.go \"opening %q\" -->\n":                                             nil,
		"### `closing x`\n<!-- in one.go \"closing %q\" -->\n":                                                     {`page.md:2: one.go has no message "closing %q" any more`},
		"### `closing x`\n<!-- in one.go \"opening %q\" -->\n": {
			"page.md:2: the heading \"### `closing x`\" doesn't say what the message \"opening %q\" of one.go says"},
		"### `opening x`\n<!-- in two.go \"opening %q\" -->\n": {"page.md:2: the message is said to be from two.go, which isn't there"},
		"### `opening x`\n<!-- in one.go -->\n":                {`page.md:2: this comment should say where a message is from: <!-- in FILE "TEXT" -->`},
	} {
		w := &problems{page: "page.md"}
		b.checkMessages(parsePage("page.md", []byte(text)), w)
		var got []string
		for _, p := range w.list {
			got = append(got, p.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s\nis told %q, want %q", text, got, want)
		}
	}
}
