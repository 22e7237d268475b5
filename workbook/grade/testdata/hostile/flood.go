package main

import (
	"os"
	"strings"
)

// attack prints without end.
func attack() {
	line := []byte(strings.Repeat("owned ", 10_000))
	for {
		if _, err := os.Stdout.Write(line); err != nil {
			os.Exit(0)
		}
	}
}
