package terminal

import (
	"strings"
	"testing"
)

const page = `# 1. A host name

<!-- a comment -->

A *UTS namespace* holds **two** names, see [uts_namespaces(7)](https://man7.org/linux/man-pages/man7/uts_namespaces.7.html)
and [the specification](https://example.org/spec.md#namespaces "title"); ` + "`hostname`" + ` shows one &amp; \*only\* one.

![Two namespaces side by side](pictures/01.svg)

## The code

` + "```go\n// uts is one.\ntype uts struct {\n\tHostname string // at most 64 bytes\n}\n```" + `

` + "```console\n$ echo a very long line that is not broken, because it is what one types\na very\tlong line\n```" + `

- one
- two, which is longer and goes on for more than a line, as items do
  - below

3. three
4. four

> Somebody said
> this.

| Step | Adds |
| --- | --- |
| 01 | a host name of one's own, and more words |
| 02 | processes |

---

Last [the specification](https://example.org/spec.md#namespaces).
`

func TestPlain(t *testing.T) {
	const want = `1. A host name
══════════════

A *UTS namespace* holds **two** names, see
uts_namespaces(7) and the specification[1];
` + "`hostname`" + ` shows one & *only* one.

[Picture: Two namespaces side by side
(pictures/01.svg)]

The code
────────

    // uts is one.
    type uts struct {
        Hostname string // at most 64 bytes
    }

    $ echo a very long line that is not broken, because it is what one types
    a very  long line

• one
• two, which is longer and goes on for more
  than a line, as items do
  • below

3. three
4. four

│ Somebody said this.

Step  Adds
────  ──────────────────────────────────────
01    a host name of one's own, and more
      words
02    processes

────────────────────────────────────────────

Last the specification[1].

[1] https://example.org/spec.md#namespaces
`
	if got := Render(page, Plain, 44); got != want {
		t.Errorf("the page is\n%s\nwant\n%s", got, want)
	}
}

// Colours change nothing but the marks that they stand for.
func TestColours(t *testing.T) {
	for _, style := range []Style{Dark, Light} {
		got := Render(page, style, 44)
		if !strings.Contains(got, "\x1b[") {
			t.Errorf("%s has no colours", style)
		}
		bare := escape.ReplaceAllString(got, "")
		for _, line := range strings.Split(bare, "\n") {
			if len([]rune(line)) > 44 && !strings.Contains(line, "$ echo") {
				t.Errorf("%s: this line is too long: %s", style, line)
			}
		}
		for _, part := range []string{"A UTS namespace holds two names", "hostname shows one", "    Hostname string // at most 64 bytes\n"} {
			if !strings.Contains(bare, part) {
				t.Errorf("%s: %q isn't there:\n%s", style, part, bare)
			}
		}
		// Every line is whole in itself: whoever cuts between two lines cuts no colour in two.
		for line := range strings.Lines(got) {
			if strings.Count(line, "\x1b[") != 2*strings.Count(line, "\x1b[0m") {
				t.Errorf("%s: a colour goes on over the end of %q", style, line)
			}
		}
	}
}

func TestWidest(t *testing.T) {
	for line := range strings.Lines(Render(strings.Repeat("word ", 200), Plain, 500)) {
		if len(line) > Widest+1 {
			t.Errorf("a line has %d characters", len(line))
		}
	}
}

func TestParseStyle(t *testing.T) {
	for name, ok := range map[string]bool{"dark": true, "light": true, "plain": true, "pink": false, "": false} {
		if _, err := ParseStyle(name); (err == nil) != ok {
			t.Errorf("ParseStyle(%q): %v", name, err)
		}
	}
}

func TestByColour(t *testing.T) {
	for answer, want := range map[string]Style{
		"\x1b]11;rgb:0000/0000/0000\x1b\\\x1b[?62;c": Dark,
		"\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62;c": Light,
		"\x1b]11;rgb:fd/f6/e3\x07":                   Light,
		"\x1b]11;rgb:0000/2b2b/3636\x07":             Dark,
		"\x1b[?62;c":                                 Dark, // it doesn't say
		"":                                           Dark,
	} {
		if got := byColour([]byte(answer)); got != want {
			t.Errorf("%q is taken for %s", answer, got)
		}
	}
}

func TestDiff(t *testing.T) {
	const text = "diff a b\n--- a\n+++ b\n@@ -1,2 +1,2 @@\n same\n-old\n+new"
	const want = "\x1b[1mdiff a b\x1b[0m\n\x1b[1m--- a\x1b[0m\n\x1b[1m+++ b\x1b[0m\n\x1b[36m@@ -1,2 +1,2 @@\x1b[0m\n same\n\x1b[31m-old\x1b[0m\n\x1b[32m+new\x1b[0m"
	if got := Diff(text); got != want {
		t.Errorf("Diff gives %q, want %q", got, want)
	}
}
