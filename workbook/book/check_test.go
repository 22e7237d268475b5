package book

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"stave/internal/host"
	"stave/internal/script"
)

func TestMain(m *testing.M) { script.Main(m, nil) }

// fake stands in for what is outside the repository.
var fake = outside{
	manual: func(section, name string) bool {
		return slices.Contains([]string{"sh(1)", "clone(2)", "namespaces(7)"}, name+"("+section+")")
	},
	module: func(name string) (fs.FS, error) {
		if name != "github.com/opencontainers/runtime-spec" {
			return nil, errors.New("no such module")
		}
		return fstest.MapFS{"config.md": {Data: []byte("# Configuration\n## <a name=\"configHostname\" />Hostname\n")}}, nil
	},
}

// good is the small repository in testdata.
func good(t *testing.T) fstest.MapFS {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/good.txtar")
	if err != nil {
		t.Fatal(err)
	}
	files := make(fstest.MapFS)
	for _, f := range archive.Files {
		files[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	return files
}

// everything is what is wrong with a book, but for its transcripts.
func everything(t *testing.T, b *Book) []string {
	t.Helper()
	names, err := b.pages()
	if err != nil {
		t.Fatal(err)
	}
	var list []Problem
	for _, name := range names {
		p, err := b.readPage(name)
		if err != nil {
			t.Fatal(err)
		}
		w := &problems{page: name}
		b.checkPage(p, w)
		b.checkManual(p, w)
		b.checkSpecifications(p, w)
		list = append(list, w.list...)
	}
	pictures, err := b.checkPictures()
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, p := range sorted(slices.Concat(list, b.checkReached(), pictures)) {
		words = append(words, p.String())
	}
	return words
}

func TestGood(t *testing.T) {
	for _, problem := range everything(t, &Book{files: good(t), outside: fake}) {
		t.Error(problem)
	}
}

// The same with all that takes a machine, as the command has it.
func TestCheckAll(t *testing.T) {
	needShell(t)
	b := unpacked(t, good(t))
	b.outside = fake
	host.Watch(t, b.root)
	wrong, skipped, err := b.CheckAll(t.Context())
	if err != nil || len(wrong)+len(skipped) > 0 {
		t.Errorf("CheckAll says %v, %v, %v", wrong, skipped, err)
	}
	write(t, filepath.Join(b.root, "docs", "extra.md"), "# Extra\n\n```console\n$ echo one\ntwo\n```\n")
	wrong, _, err = b.CheckAll(t.Context())
	want := []Problem{
		{"docs/extra.md", 5, `"echo one": the page shows "two", but "one" came out`},
		{"docs/extra.md", 0, "no way leads here from docs/README.md"},
	}
	if err != nil || !slices.Equal(wrong, want) {
		t.Errorf("CheckAll says %v, %v, want %v", wrong, err, want)
	}
}

// Each case breaks the good book in one place and is told so.
func TestBroken(t *testing.T) {
	const all, removed = "", "\x00"
	for name, c := range map[string]struct {
		file, old, new string // old is replaced; all of the file, if it is empty
		want           []string
	}{
		"a quote that drifted": {
			"docs/01-one.md", "\treturn n.text\n", "\treturn n.txt\n",
			[]string{`docs/01-one.md:31: the quote isn't what steps/01-one/one.go:9 has: it says "\treturn n.txt", the file "\treturn n.text": go run ./workbook book --fix docs/01-one.md`},
		},
		"a quote with a line too many": {
			"docs/01-one.md", "import \"fmt\"\n", "import \"fmt\"\n\nimport \"os\"\n",
			[]string{`docs/01-one.md:41: the quote isn't what steps/01-one/main.go:5 has: it says "import \"os\"", the file nothing more: go run ./workbook book --fix docs/01-one.md`},
		},
		"a quote that isn't filled in": {
			"docs/02-two.md", "```go\n\tfmt.Println(two())\n```\n", "",
			[]string{`docs/02-two.md:17: quote main.go main "two": its block of code is missing: go run ./workbook book --fix docs/02-two.md`},
		},
		"a quote of nothing": {
			"docs/02-two.md", "quote two.go two", "quote two.go three",
			[]string{"docs/02-two.md: steps/02-two/two.go:3 is not shown: func two() string { return \"two\" }",
				"docs/02-two.md:12: quote two.go three: steps/02-two/two.go declares no three, but two"},
		},
		"a quote of a text that isn't there": {
			"docs/02-two.md", `main "two"`, `main "three"`,
			[]string{"docs/02-two.md: steps/02-two/main.go:8 is not shown: fmt.Println(two())",
				`docs/02-two.md:17: quote main.go main "three": no line from 5 to 9 has the text "three" in it`},
		},
		"typed code": {
			"docs/00-nothing.md", "See", "```go\nfmt.Println()\n```\n\nSee",
			[]string{"docs/00-nothing.md:5: Go code in prose is quoted, never typed: put <!-- quote FILE DECLARATION --> before it"},
		},
		"a line that isn't shown": {
			"docs/01-one.md", "<!-- quote one.go header -->\n```go\npackage main\n```\n", "",
			[]string{"docs/01-one.md: steps/01-one/one.go:1 is not shown: package main"},
		},
		"lines that aren't shown": {
			"docs/01-one.md", "<!-- quote main.go main -->\n```go\nfunc main() {\n\tone := &name{\"one\"}\n\tfmt.Println(one)\n}\n```\n", "",
			[]string{"docs/01-one.md: steps/01-one/main.go:5-8 are not shown: func main() {"},
		},
		"a new line of main.go that isn't shown": {
			"docs/02-two.md", "<!-- quote main.go main \"two\" -->\n```go\n\tfmt.Println(two())\n```\n", "",
			[]string{"docs/02-two.md: steps/02-two/main.go:8 is not shown: fmt.Println(two())"},
		},
		"a file in another order": {
			"docs/02-two.md",
			"<!-- quote two.go header -->\n```go\npackage main\n```\n\n<!-- quote two.go two -->\n```go\nfunc two() string { return \"two\" }\n```\n",
			"<!-- quote two.go two -->\n```go\nfunc two() string { return \"two\" }\n```\n\n<!-- quote two.go header -->\n```go\npackage main\n```\n",
			[]string{"docs/02-two.md:12: quote two.go header comes after quote two.go two (line 7), but in steps/02-two/two.go it comes before"},
		},
		"a dead link": {
			"docs/README.md", "00-nothing.md", "00-something.md",
			[]string{"docs/00-nothing.md: no way leads here from docs/README.md",
				"docs/README.md:3: the link to 00-something.md: there is no docs/00-something.md"},
		},
		"a dead link in an exercise": {
			"steps/01-one/exercises/1-first/README.md", "../docs", "docs",
			[]string{"steps/01-one/exercises/1-first/README.md:3: the link to ../../../docs/01-one.md: there is no steps/docs/01-one.md"},
		},
		"a link out of the repository": {
			"README.md", "docs/README.md", "../docs/README.md",
			[]string{"README.md: it doesn't link to docs/README.md", "README.md:3: the link to ../docs/README.md: it leads out of the repository"},
		},
		"a link that is none": {
			"docs/00-nothing.md", "[One thing](01-one.md)", "[One thing](01-one.md) and\n[Two][two]",
			[]string{"docs/00-nothing.md:10: this was to be a link, and is none: [Two][two]"},
		},
		"a dead anchor": {
			"docs/00-nothing.md", "line-1)", "line-2)",
			[]string{"docs/00-nothing.md:5: the link to #nothing-in-one-line-2: docs/00-nothing.md has no heading #nothing-in-one-line-2"},
		},
		"a dead anchor in another page": {
			"docs/README.md", "#the-code", "#code",
			[]string{"docs/README.md:4: the link to 01-one.md#code: docs/01-one.md has no heading #code"},
		},
		"a host nobody knows": {
			"docs/00-nothing.md", "See", "See <https://example.org> and",
			[]string{"docs/00-nothing.md:5: the link to https://example.org: example.org is not among the hosts in workbook/book/known/hosts.txt"},
		},
		"a link without https": {
			"docs/00-nothing.md", "See", "See <http://go.dev> and",
			[]string{"docs/00-nothing.md:5: the link to http://go.dev: only https leads out of the repository"},
		},
		"a branch on GitHub": {
			"docs/00-nothing.md", "See", "See <https://github.com/opencontainers/runc/blob/main/README.md> and",
			[]string{"docs/00-nothing.md:5: the link to https://github.com/opencontainers/runc/blob/main/README.md: " +
				"it changes with its branch: name a tag, https://github.com/OWNER/NAME/blob/TAG/FILE"},
		},
		"an odd link to the manual": {
			"docs/01-one.md", "man7/namespaces.7", "man8/namespaces.7",
			[]string{"docs/01-one.md:11: the link to https://man7.org/linux/man-pages/man8/namespaces.7.html: " +
				"the form is https://man7.org/linux/man-pages/man7/namespaces.7.html"},
		},
		"a link to no manual page": {
			"docs/01-one.md", "man7/namespaces.7", "man7/spacenames.7",
			[]string{"docs/01-one.md:11: there is no manual page spacenames(7): man -w 7 spacenames finds none, and workbook/book/known/manual.txt doesn't have it"},
		},
		"a manual page that doesn't exist": {
			"docs/00-nothing.md", "sh(1)", "she(1)",
			[]string{"docs/00-nothing.md:5: there is no manual page she(1): man -w 1 she finds none, and workbook/book/known/manual.txt doesn't have it"},
		},
		"the same, in code": {
			"docs/01-one.md", "`clone`(2)", "`cloned`(2)",
			[]string{"docs/01-one.md:11: there is no manual page cloned(2): man -w 2 cloned finds none, and workbook/book/known/manual.txt doesn't have it"},
		},
		"another version of a specification": {
			"docs/01-one.md", "v1.3.0", "v1.2.0",
			[]string{"docs/01-one.md:72: the link to https://github.com/opencontainers/runtime-spec/blob/v1.2.0/config.md#hostname: go.mod has v1.3.0"},
		},
		"a file a specification hasn't": {
			"docs/01-one.md", "config.md#", "conf.md#",
			[]string{"docs/01-one.md:72: the link to https://github.com/opencontainers/runtime-spec/blob/v1.3.0/conf.md#hostname: the specification has no file conf.md"},
		},
		"a clause that is gone": {
			"docs/01-one.md", "#hostname", "#domainname",
			[]string{"docs/01-one.md:72: the link to https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config.md#domainname: config.md has no heading #domainname"},
		},
		"a CVE with a digit too few": {
			"docs/00-nothing.md", "5736", "573",
			[]string{"docs/00-nothing.md:5: CVE-2019-573 is no number of a CVE: the form is CVE-2019-5736"},
		},
		"a page that no link leads to": {
			"docs/extra.md", all, "# Extra\n",
			[]string{"docs/extra.md: no way leads here from docs/README.md"},
		},
		"a picture without alt text": {
			"docs/01-one.md", "A box with a name on it, and another box without one.", "Boxes",
			[]string{`docs/01-one.md:9: the picture pictures/01-one.svg has no alt text that says what it shows: "Boxes"`},
		},
		"a picture that isn't there": {
			"docs/pictures/01-one.svg", all, removed,
			[]string{"docs/01-one.md:9: the link to pictures/01-one.svg: there is no docs/pictures/01-one.svg",
				"docs/pictures/01-one.d2: it isn't drawn: go run ./workbook book --pictures --fix"},
		},
		"a picture without a source": {
			"docs/pictures/01-one.d2", all, removed,
			[]string{"docs/pictures/01-one.svg: its source 01-one.d2 is missing"},
		},
		"a picture that nobody shows": {
			"docs/01-one.md", "![A box with a name on it, and another box without one.](pictures/01-one.svg)", "",
			[]string{"docs/pictures/01-one.svg: no page shows this picture"},
		},
		"a section missing": {
			"docs/01-one.md", "## Break it\n\nNothing breaks.\n", "",
			[]string{`docs/01-one.md: the section "Break it" is missing`},
		},
		"a section too many": {
			"docs/01-one.md", "Nothing breaks.\n", "## More\n",
			[]string{`docs/01-one.md: a chapter has no section "More": ### begins a part of one`},
		},
		"sections in another order": {
			"docs/02-two.md", "## What leaks\n## The mechanism\n", "## The mechanism\n## What leaks\n",
			[]string{"docs/02-two.md: the sections are in another order than in each chapter: " +
				"The mechanism, What leaks, The code, Run it, Break it, What is still missing, Exercises, In the real world"},
		},
		"a title without its number": {
			"docs/02-two.md", "# 2. Two", "# Two",
			[]string{"docs/02-two.md:1: a chapter's first line is its title: # 2. TITLE"},
		},
		"no way on": {
			"docs/01-one.md", "[Two](02-two.md)", "The end.",
			[]string{"docs/01-one.md:74: the end doesn't link to docs/02-two.md"},
		},
		"an exercise that isn't linked": {
			"docs/01-one.md", "- [01.1 First](../steps/01-one/exercises/1-first)\n", "",
			[]string{"docs/01-one.md:66: the section Exercises doesn't link to steps/01-one/exercises/1-first"},
		},
		"an exercise linked elsewhere": {
			"docs/01-one.md", "## Exercises\n", "## Exercises\n## In the real world\n",
			[]string{"docs/01-one.md: the sections are in another order than in each chapter: What leaks, The mechanism, The code, " +
				"Run it, Break it, What is still missing, Exercises, In the real world, In the real world",
				"docs/01-one.md:66: the section Exercises doesn't link to steps/01-one/exercises/1-first"},
		},
		"a transcript without a command": {
			"docs/01-one.md", "$ echo one\n", "",
			[]string{`docs/01-one.md:53: a transcript begins with what is typed: "one" has no "$ " before it`},
		},
		"a condition nobody knows": {
			"docs/01-one.md", "exec:echo", "moon",
			[]string{`docs/01-one.md:52: unknown condition "moon": internal/script/doc.go has the list`},
		},
		"an option nobody knows": {
			"docs/01-one.md", "needs=", "need=",
			[]string{`docs/01-one.md:52: unknown option "needexec:echo": there are needs="…", vary="…", as="user" and, for a page, network="own"`},
		},
		"a pattern that is none": {
			"docs/01-one.md", "[0-9]+", "[0-9",
			[]string{"docs/01-one.md:52: error parsing regexp: missing closing ]: `[0-9`"},
		},
		"a remark about no transcript": {
			"docs/01-one.md", "```console\n$ echo one\none\n```\n", "",
			[]string{"docs/01-one.md:52: <!-- run … --> wants a block ```console right after it"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			files := good(t)
			switch {
			case c.new == removed:
				delete(files, c.file)
			case c.old == all:
				files[c.file] = &fstest.MapFile{Data: []byte(c.new)}
			default:
				text := string(files[c.file].Data)
				if strings.Count(text, c.old) != 1 {
					t.Fatalf("%s doesn't have %q once", c.file, c.old)
				}
				files[c.file] = &fstest.MapFile{Data: []byte(strings.Replace(text, c.old, c.new, 1))}
			}
			got := everything(t, &Book{files: files, outside: fake})
			if !slices.Equal(got, c.want) {
				t.Errorf("it is said:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}
