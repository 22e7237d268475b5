package script

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestHasRange(t *testing.T) {
	uid := os.Getuid()
	name := userName(fmt.Sprint(uid))
	if out, err := exec.Command("id", "-un").Output(); err == nil && strings.TrimSpace(string(out)) != name {
		t.Fatalf("user %d is called %q here, and %q by id", uid, name, out)
	}
	for content, want := range map[string]bool{
		"":                                       false,
		"somebody:100000:65536\n":                false,
		fmt.Sprintf("%d:100000:65536\n", uid):    true,
		fmt.Sprintf("x:1:2\n%s:3:4\n", name):     true,
		fmt.Sprintf("%s-too:100000:65536", name): false,
	} {
		file := filepath.Join(t.TempDir(), "subuid")
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := hasRange(file); got != want {
			t.Errorf("hasRange of %q is %v", content, got)
		}
	}
}

// What the conditions claim must be so: otherwise they would skip checks that could run.
func TestConditionsAgreeWithTheMachine(t *testing.T) {
	root, err := Holds("root")
	if err != nil {
		t.Fatal(err)
	}
	if root {
		for _, cond := range []string{"userns", "overlay", "cgroup:pids", "cgroup:memory"} {
			if ok, err := Holds(cond); err != nil || !ok {
				t.Errorf("root on a machine that runs Stave lacks %s (%v)", cond, err)
			}
		}
	}
	if moon, err := Holds("cgroup:moon"); err != nil || moon {
		t.Errorf("there is a controller called moon: %v, %v", moon, err)
	}
}
