package script

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Record is a check that was skipped, as STAVE_SKIPS and the report tell of it.
type Record struct {
	Package   string `json:"package"`   // import path, stave/steps/04-cgroups
	Test      string `json:"test"`      // full name, TestScripts/memory
	Condition string `json:"condition"` // what this machine lacks, as need has it
	Reason    string `json:"reason"`    // the same in words
}

// Skip skips t because a condition doesn't hold here, and sees to it that the skip is counted. All of Stave's skips go
// through Skip or Need; a bare t.Skip would hide.
func Skip(t testing.TB, condition, reason string) {
	t.Helper()
	skipped.skip(t, condition, reason)
}

// Need skips t unless all conditions hold; the package's documentation has the list.
func Need(t testing.TB, conditions ...string) {
	t.Helper()
	for _, cond := range conditions {
		ok, err := Holds(cond)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			Skip(t, cond, Reason(cond))
		}
	}
}

var (
	needLine  = regexp.MustCompile(`^\s*((?:\[[^]]*\]\s*)*)need\s+(.*)$`)
	bracketed = regexp.MustCompile(`\[([^]]*)\]`)
)

// Unmet returns the first condition that doesn't hold here, of those that a script needs before it does anything; "" if all
// hold.
func Unmet(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		m := needLine.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			break
		}
		if applies, err := all(bracketed.FindAllStringSubmatch(m[1], -1)); err != nil || !applies {
			if err != nil {
				return "", fmt.Errorf("%s: %w", file, err)
			}
			continue
		}
		for _, cond := range strings.Fields(m[2]) {
			if ok, err := Holds(cond); err != nil || !ok {
				return cond, err
			}
		}
	}
	return "", nil
}

// all reports whether all conditions in brackets hold.
func all(conditions [][]string) (bool, error) {
	for _, c := range conditions {
		if ok, err := Holds(strings.TrimSpace(c[1])); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// skipped are the skips of this process: one test binary, one package.
var skipped = tally{run: runFile()}

type tally struct {
	run     string // file in which one run of go test adds up its packages' skips; may be empty
	mu      sync.Mutex
	records []Record
}

func (s *tally) skip(t testing.TB, condition, reason string) {
	t.Helper()
	record := Record{Package: packagePath(), Test: t.Name(), Condition: condition, Reason: reason}
	if err := s.add(record); err != nil {
		t.Fatalf("counting a skip: %v", err)
	}
	t.Skip(reason)
}

func (s *tally) list() []Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.records)
}

func (s *tally) add(r Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = append(s.records, r)
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	for _, file := range []string{os.Getenv("STAVE_SKIPS"), s.run} {
		if file == "" {
			continue
		}
		if err := appendLine(file, line); err != nil {
			return err
		}
	}
	return nil
}

// appendLine adds to a file that other test binaries add to at the same time. One write(2) with O_APPEND is not torn.
func appendLine(file string, line []byte) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// runFile is where the test binaries of one run of go test add up their skips; empty where there is no such run.
func runFile() string {
	if dir := goWorkDir(); dir != "" {
		return filepath.Join(dir, "stave-skips")
	}
	return ""
}

// soFar counts the skips of all packages that this run of go test has come to.
func (s *tally) soFar() int {
	data, err := os.ReadFile(s.run)
	if err != nil {
		return len(s.list())
	}
	return strings.Count(string(data), "\n")
}

// goWorkDir is the temporary directory in which go test has built this test binary (as .../go-build123/b001/x.test) and
// those of the other packages. The go command removes it at the end of the run, so it is the place for what lasts as
// long as the run does. It is empty if this binary was built with go test -c.
func goWorkDir() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	dir := filepath.Dir(filepath.Dir(self))
	if !strings.HasPrefix(filepath.Base(dir), "go-build") {
		return ""
	}
	return dir
}

// packagePath is the import path of the package under test.
func packagePath() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return strings.TrimSuffix(info.Path, ".test")
}

// names lists tests without the TestScripts/ that most of them start with.
func names(tests []string) string {
	short := make([]string, len(tests))
	for i, test := range tests {
		short[i] = test
		if _, script, ok := strings.Cut(test, "/"); ok {
			short[i] = script
		}
	}
	slices.Sort(short)
	return fmt.Sprintf("%d (%s)", len(short), strings.Join(short, ", "))
}
