// Package steps holds the steps to their promise: each is the one before it, byte for byte, plus one new file and a few
// lines in main.go. Whoever has understood step 4 has only that to read in step 5.
package steps

import (
	"bytes"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// exceptions names the files that a step changes or adds beyond that, because there is no other way. Its chapter says why.
var exceptions = map[string][]string{
	"06-images": {"layer.go"}, // to bring images and to unpack a layer, safely, are two things to read, not one
	"08-user":   {"image.go"}, // an image may be run as any user that the namespace has, no longer as root alone
}

// What is still "a few lines", and "about 150 lines" once comments and empty lines are counted as well.
const (
	mostGone = 4   // lines of main.go that the next step replaces
	mostNew  = 24  // lines of main.go that the next step adds
	mostAll  = 210 // lines that a reader has to read in a step
)

// modules is what a step may import besides the standard library, and from which step on.
var modules = map[string]string{
	"golang.org/x/sys/unix":                  "01",
	"github.com/spf13/cobra":                 "01",
	"github.com/google/go-containerregistry": "06",
	"github.com/klauspost/compress/zstd":     "06",
	"github.com/vishvananda/netlink":         "07",
	"github.com/google/nftables":             "07",
}

func TestStepsAreCarriedForward(t *testing.T) {
	problems, steps := check(os.DirFS("."), exceptions)
	for _, p := range problems {
		t.Error(p)
	}
	if len(steps) < 5 {
		t.Errorf("only %d steps found: %v", len(steps), steps)
	}
}

// check reads the steps below root and returns what is wrong with them.
func check(root fs.FS, exceptions map[string][]string) (problems []string, steps []string) {
	steps, err := fs.Glob(root, "[0-9][0-9]-*")
	if err != nil {
		return []string{err.Error()}, nil
	}
	var before map[string][]byte
	for i, step := range steps {
		now, err := sources(root, step)
		if err != nil {
			return append(problems, err.Error()), steps
		}
		for _, p := range slices.Concat(compare(before, now, exceptions[step]), imports(step[:2], now)) {
			problems = append(problems, step+": "+p)
		}
		if want := fmt.Sprintf("%02d-", i+1); !strings.HasPrefix(step, want) {
			problems = append(problems, step+": there is no step "+want)
		}
		before = now
	}
	return problems, steps
}

// sources reads a step's Go files without its tests.
func sources(root fs.FS, step string) (map[string][]byte, error) {
	paths, err := fs.Glob(root, step+"/*.go")
	if err != nil {
		return nil, err
	}
	files := make(map[string][]byte)
	for _, path := range paths {
		if name := strings.TrimPrefix(path, step+"/"); !strings.HasSuffix(name, "_test.go") {
			if files[name], err = fs.ReadFile(root, path); err != nil {
				return nil, err
			}
		}
	}
	return files, nil
}

// compare returns what keeps a step from being the one before it plus one file and a few lines in main.go.
func compare(before, now map[string][]byte, except []string) (problems []string) {
	complain := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	added, lines := 0, 0
	for name, text := range now {
		old, known := before[name]
		fresh, gone := changed(old, text)
		lines += fresh
		switch {
		case !known:
			if !slices.Contains(except, name) && name != "main.go" {
				added++
			}
		case slices.Contains(except, name):
		case name == "main.go":
			if gone > mostGone || fresh > mostNew {
				complain("main.go replaces %d lines and adds %d: more than a few", gone, fresh)
			}
		case !bytes.Equal(old, text):
			complain("%s is not as the step before has it", name)
		}
	}
	for name := range before {
		if _, ok := now[name]; !ok {
			complain("%s is missing", name)
		}
	}
	if added != 1 {
		complain("it adds %d files, not one", added)
	}
	if except == nil && lines > mostAll {
		complain("it has %d new lines, more than one reads at a sitting", lines)
	}
	slices.Sort(problems)
	return problems
}

// changed counts the lines that are new in the second text and those of the first that are gone, by their longest common
// subsequence.
func changed(old, text []byte) (fresh, gone int) {
	a, b := slices.Collect(bytes.Lines(old)), slices.Collect(bytes.Lines(text))
	row := make([]int, len(b)+1)
	for _, x := range a {
		diagonal := 0
		for j, y := range b {
			above := row[j+1]
			if bytes.Equal(x, y) {
				row[j+1] = diagonal + 1
			} else {
				row[j+1] = max(above, row[j])
			}
			diagonal = above
		}
	}
	return len(b) - row[len(b)], len(a) - row[len(b)]
}

// imports returns what a step imports and shouldn't: another step, final/, or a module that a later step is about.
func imports(number string, files map[string][]byte) (problems []string) {
	for name, text := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly)
		if err != nil {
			problems = append(problems, err.Error())
			continue
		}
		for _, spec := range file.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			if first, _, _ := strings.Cut(path, "/"); !strings.Contains(first, ".") && first != "stave" {
				continue // the standard library's
			}
			allowed := false
			for module, since := range modules {
				allowed = allowed || number >= since && (path == module || strings.HasPrefix(path, module+"/"))
			}
			if !allowed {
				problems = append(problems, fmt.Sprintf("%s imports %s", name, path))
			}
		}
	}
	slices.Sort(problems)
	return problems
}

// The check finds what it is for.
func TestCheck(t *testing.T) {
	lines := func(n int) string { return "package main\n" + strings.Repeat("// a line\n", n-1) }
	third := func(f fstest.MapFS) { // what was the second step is the third
		for _, name := range []string{"main.go", "a.go", "b.go"} {
			f["03-c/"+name] = f["02-b/"+name]
			delete(f, "02-b/"+name)
		}
	}
	for name, c := range map[string]struct {
		change func(fs fstest.MapFS)
		except map[string][]string
		want   string
	}{
		"as it should be": {change: func(fstest.MapFS) {}},
		"a file changed": {
			change: func(f fstest.MapFS) { f["02-b/a.go"] = &fstest.MapFile{Data: []byte("package main // changed\n")} },
			want:   "02-b: a.go is not as the step before has it",
		},
		"a file changed, and the table says so": {
			change: func(f fstest.MapFS) { f["02-b/a.go"] = &fstest.MapFile{Data: []byte("package main // changed\n")} },
			except: map[string][]string{"02-b": {"a.go"}},
		},
		"a file dropped": {
			change: func(f fstest.MapFS) { delete(f, "02-b/a.go") },
			want:   "02-b: a.go is missing",
		},
		"two files added": {
			change: func(f fstest.MapFS) { f["02-b/c.go"] = &fstest.MapFile{Data: []byte("package main\n")} },
			want:   "02-b: it adds 2 files, not one",
		},
		"much changed in main.go": {
			change: func(f fstest.MapFS) { f["02-b/main.go"] = &fstest.MapFile{Data: []byte("package main\n")} },
			want:   "02-b: main.go replaces 99 lines and adds 0: more than a few",
		},
		"much added to main.go": {
			change: func(f fstest.MapFS) { f["02-b/main.go"] = &fstest.MapFile{Data: []byte(lines(130))} },
			want:   "02-b: main.go replaces 0 lines and adds 30: more than a few",
		},
		"a long file": {
			change: func(f fstest.MapFS) { f["02-b/b.go"] = &fstest.MapFile{Data: []byte(lines(211))} },
			want:   "02-b: it has 211 new lines, more than one reads at a sitting",
		},
		"a step left out": {
			change: third,
			want:   "03-c: there is no step 02-",
		},
		"another step imported": {
			change: func(f fstest.MapFS) {
				f["02-b/b.go"] = &fstest.MapFile{Data: []byte("package main\n\nimport _ \"stave/steps/01-a\"\n")}
			},
			want: "02-b: b.go imports stave/steps/01-a",
		},
		"a module too early": {
			change: func(f fstest.MapFS) {
				f["02-b/b.go"] = &fstest.MapFile{Data: []byte("package main\n\nimport _ \"github.com/vishvananda/netlink\"\n")}
			},
			want: "02-b: b.go imports github.com/vishvananda/netlink",
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := fstest.MapFS{}
			for _, path := range []string{"01-a/a.go", "02-b/a.go", "02-b/b.go"} {
				root[path] = &fstest.MapFile{Data: []byte("package main\n")}
			}
			for _, path := range []string{"01-a/main.go", "02-b/main.go"} {
				root[path] = &fstest.MapFile{Data: []byte(lines(100))}
			}
			c.change(root)
			problems, _ := check(root, c.except)
			if got := strings.Join(problems, "\n"); got != c.want {
				t.Errorf("check says\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}
