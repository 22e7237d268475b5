package main

import (
	"fmt"
	"os"
)

// attack has the check compare with a file that never ends.
func attack() {
	os.Remove("said")
	if err := os.Symlink("/dev/zero", "said"); err != nil {
		refused("linking", err)
	}
	fmt.Println(os.Args[1])
	os.Exit(0)
}
