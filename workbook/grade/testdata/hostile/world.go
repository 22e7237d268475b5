package main

import (
	"fmt"
	"os"
)

// attack has the checker write down another world for the commands that follow: one of the student's own, with other tools in it.
func attack() {
	os.Remove("said")
	if err := os.Symlink("/tmp/world.json", "said"); err != nil {
		refused("linking", err)
	}
	fmt.Println(os.Args[1])
	os.Exit(0)
}
