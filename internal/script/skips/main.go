// Skips holds the checks that a run of the tests has skipped against those it was allowed to skip. A failure must not hide
// behind a skip: a check may only be skipped in an environment that is known to lack what it needs.
//
// Synopsis:
//
//	skips -allowed FILE RECORDS...
//
// Each file of RECORDS is what STAVE_SKIPS named during a run, and is called after the environment of that run. The file
// of what is allowed has a line for each check, "ENVIRONMENT CONDITION CHECK"; the condition is what the environment
// lacks, as need has it, and the check is the package's directory with the test's name. In both, * stands for anything: a
// whole package may need what an environment lacks. # starts a comment.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"stave/internal/script"
)

// expected is a skip as the file of what is allowed has it.
type expected struct{ environment, condition, check string }

func (e expected) String() string { return e.environment + " " + e.condition + " " + e.check }

// covers tells whether a skip is one that e, a line of what is allowed, is about.
func (e expected) covers(skip expected) bool {
	return e.environment == skip.environment && matches(e.condition, skip.condition) && matches(e.check, skip.check)
}

// matches compares a name with one in which * stands for anything, slashes too.
func matches(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	rest, ok := strings.CutPrefix(name, parts[0])
	if !ok || len(parts) == 1 {
		return ok && rest == ""
	}
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}

func main() {
	file := flag.String("allowed", "", "the `file` of what may be skipped")
	flag.Parse()
	if *file == "" || flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	err := run(os.Stdout, *file, flag.Args())
	if err != nil {
		fmt.Fprintf(os.Stderr, "skips: %v\n", err)
		os.Exit(1)
	}
}

func run(out io.Writer, allowedFile string, recordFiles []string) error {
	allowed, err := readAllowed(allowedFile)
	if err != nil {
		return err
	}
	var environments []string
	var happened []expected
	for _, file := range recordFiles {
		skips, err := readRecords(file)
		if err != nil {
			return err
		}
		environments = append(environments, filepath.Base(file))
		happened = append(happened, skips...)
		fmt.Fprintf(out, "%s: %d checks skipped\n", filepath.Base(file), len(skips))
	}
	for _, e := range allowed {
		if slices.Contains(environments, e.environment) && !slices.ContainsFunc(happened, e.covers) {
			fmt.Fprintf(out, "not skipped any more, so %s need not say: %s\n", allowedFile, e)
		}
	}
	unexpected := 0
	for _, e := range happened {
		if !slices.ContainsFunc(allowed, func(a expected) bool { return a.covers(e) }) {
			fmt.Fprintf(out, "may not be skipped: %s\n", e)
			unexpected++
		}
	}
	if unexpected > 0 {
		return fmt.Errorf("%d checks were skipped that %s doesn't allow", unexpected, allowedFile)
	}
	return nil
}

func readAllowed(file string) ([]expected, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var allowed []expected
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 3 {
			return nil, fmt.Errorf("%s:%d: not ENVIRONMENT CONDITION CHECK: %q", file, n, line)
		}
		allowed = append(allowed, expected{fields[0], fields[1], fields[2]})
	}
	return allowed, nil
}

// readRecords takes a file that isn't there for a run in which nothing was skipped: whoever skips makes it.
func readRecords(file string) ([]expected, error) {
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var skips []expected
	for line := range strings.Lines(string(text)) {
		var r script.Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		check := strings.TrimPrefix(r.Package, "stave/") + "/" + r.Test
		skips = append(skips, expected{filepath.Base(file), r.Condition, check})
	}
	return skips, nil
}
