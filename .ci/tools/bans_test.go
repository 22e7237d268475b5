// Package tools_test holds what the tools of CI are held to. It is a module of its own, so that their many
// dependencies are not Stave's.
package tools_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestBans runs the linter, as configured, on code in testdata/bans that does what is banned. Each line that says
// want "regular expression", or has that with the word below in the line above, must be reported so, and no other line.
func TestBans(t *testing.T) {
	linter, err := exec.Command("go", "tool", "-n", "golangci-lint").Output()
	if err != nil {
		t.Fatalf("building the linter: %v", err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/bans")); err != nil {
		t.Fatal(err)
	}
	for name, source := range map[string]string{
		".golangci.yml": "testdata/golangci.yml", // a link: go test watches no file outside of the module for changes
		"go.mod":        "../../go.mod",
		"go.sum":        "../../go.sum",
	} {
		data, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := wants(t, dir)
	for place, texts := range lint(t, strings.TrimSpace(string(linter)), dir) {
		for _, text := range texts {
			if pattern := want[place]; pattern == nil || !pattern.MatchString(text) {
				t.Errorf("%s: reported without being wanted: %s", place, text)
			}
		}
		delete(want, place)
	}
	for place, pattern := range want {
		t.Errorf("%s: not reported: %s", place, pattern)
	}
}

var wantComment = regexp.MustCompile(`// want (below )?"(.*)"$`)

// wants finds the patterns, by file and line.
func wants(t *testing.T, dir string) map[string]*regexp.Regexp {
	found := map[string]*regexp.Regexp{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		for i, line := range strings.Split(string(data), "\n") {
			if m := wantComment.FindStringSubmatch(line); m != nil {
				if m[1] != "" {
					i++
				}
				found[fmt.Sprintf("%s:%d", name, i+1)] = regexp.MustCompile(m[2])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatal("nothing is wanted")
	}
	return found
}

// lint returns what is reported, by file and line. What isn't about a ban is left out: the code does nothing sensible.
func lint(t *testing.T, linter, dir string) map[string][]string {
	cmd := exec.Command(linter, "run", "--output.json.path=stdout", "--show-stats=false", "--allow-parallel-runners", "./...")
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	var report struct {
		Issues []struct {
			FromLinter, Text string
			Pos              struct {
				Filename string
				Line     int
			}
		}
	}
	if jsonErr := json.Unmarshal(out, &report); jsonErr != nil {
		t.Fatalf("%v: %v: %s", err, jsonErr, out)
	}
	found := map[string][]string{}
	for _, issue := range report.Issues {
		switch issue.FromLinter {
		case "depguard", "forbidigo", "nolintlint", "revive", "typecheck":
			place := fmt.Sprintf("%s:%d", issue.Pos.Filename, issue.Pos.Line)
			found[place] = append(found[place], issue.Text)
		}
	}
	return found
}
