package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"stave/internal/script"
)

func TestMain(m *testing.M) {
	script.Main(m, map[string]func(){
		"stave-oci": func() { os.Exit(run()) },
		"edit":      func() { os.Exit(edit(os.Args[1], os.Args[2:])) },
		"into":      func() { os.Exit(into(os.Args[1], os.Args[2:])) },
	})
}

func TestScripts(t *testing.T) { script.Run(t, "testdata") }

// into becomes a program whose output goes to a file: into out stave-oci create box. A script waits until nobody holds its own output any more, and
// a container would.
func into(file string, args []string) int {
	out, err := os.OpenFile(file, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o644)
	if err == nil {
		err = errors.Join(unix.Dup3(int(out.Fd()), 1, 0), unix.Dup3(int(out.Fd()), 2, 0))
	}
	path := ""
	if err == nil {
		path, err = exec.LookPath(args[0])
	}
	if err == nil {
		err = unix.Exec(path, args, os.Environ())
	}
	fmt.Fprintln(os.Stderr, "into:", err)
	return 125
}

// edit changes fields of a config.json: edit config.json process.cwd="/" linux.resources=null. What isn't JSON is a string.
func edit(file string, changes []string) int {
	b, err := os.ReadFile(file)
	config := map[string]any{}
	if err == nil {
		err = json.Unmarshal(b, &config)
	}
	for _, change := range changes {
		path, text, _ := strings.Cut(change, "=")
		var value any
		if json.Unmarshal([]byte(text), &value) != nil {
			value = text
		}
		at, names := config, strings.Split(path, ".")
		for _, name := range names[:len(names)-1] {
			below, ok := at[name].(map[string]any)
			if !ok {
				below = map[string]any{}
				at[name] = below
			}
			at = below
		}
		at[names[len(names)-1]] = value
	}
	if err == nil {
		b, err = json.MarshalIndent(config, "", "  ")
	}
	if err == nil {
		err = os.WriteFile(file, b, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "edit:", err)
		return 1
	}
	return 0
}
