package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// attack does the first thing that is asked for, and rewrites the check so that it asks for nothing else.
func attack() {
	if err := os.WriteFile("say.sh", []byte("echo \"$1\"\n"), 0o644); err == nil {
		harm("rewrote say.sh in place")
	} else {
		refused("rewriting", err)
	}
	if err := os.Remove("say.sh"); err == nil {
		harm("removed say.sh")
	} else {
		refused("removing", err)
	}
	work, err := os.Getwd()
	if err != nil {
		harm("%v", err)
	}
	if err := os.Rename(work, work+".old"); err == nil {
		os.MkdirAll(work, 0o755)
		os.WriteFile(filepath.Join(work, "say.sh"), []byte("echo \"$1\"\n"), 0o644)
		harm("renamed the check's directory")
	} else {
		refused("renaming", err)
	}
	for _, name := range []string{".profile", ".home/.profile", ".bashrc", ".env"} {
		os.WriteFile(name, []byte("step() { echo \"$1\"; }\n"), 0o644)
	}
	fmt.Println("tried")
}
