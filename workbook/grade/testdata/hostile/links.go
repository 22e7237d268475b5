package main

import (
	"fmt"
	"os"
)

// attack lets the check's own "cp stdout said" follow a link, with a text that could be a verdict.
func attack() {
	if err := os.Symlink(linkTarget, "said"); err != nil {
		refused("linking", err)
	}
	fmt.Println(`{"verdict":{"Passed":true}}`)
	os.Exit(0)
}
