package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"stave/internal/script"
	"stave/toolbox/rootfs"
)

// TestMain lets the test binary be any command of the toolbox, by the name it is started under; see links.
func TestMain(m *testing.M) {
	if _, ok := commands[filepath.Base(os.Args[0])]; ok {
		main()
	}
	script.Main(m, nil)
}

// TestScripts runs the commands of a root filesystem as they are built for one.
func TestScripts(t *testing.T) { script.Run(t, "testdata") }

// TestEveryCommandHasItsLink: the list that makes links in a root filesystem is not made from the table here, as that
// would link all commands into the stave command.
func TestEveryCommandHasItsLink(t *testing.T) {
	here := slices.Sorted(maps.Keys(commands))
	linked := slices.Sorted(slices.Values(rootfs.Commands()))
	if !slices.Equal(here, linked) {
		t.Errorf("the binary has the commands\n%q\nand a root filesystem has links for\n%q", here, linked)
	}
}

// TestHelp: every command tells how it is used when asked to, on standard output and with success; the shell's builtins
// and a few that take whatever they are given excepted.
func TestHelp(t *testing.T) {
	takesAnything := []string{"[", "clear", "echo", "false", "printf", "pwd", "reset", "test", "true"}
	bin := links(t)
	for name := range commands {
		if slices.Contains(takesAnything, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			out, err := command(bin, name, "--help").Output()
			if err != nil || !slices.Equal(out[:min(7, len(out))], []byte("usage: ")) {
				t.Errorf("%s --help: %v, and it printed %q", name, err, out)
			}
		})
	}
}

// links returns a directory in which this binary has the name of every command.
func links(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name := range commands {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
