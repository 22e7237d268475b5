package main

import (
	"fmt"
	"os"
	"syscall"
)

// attack has the check open a pipe that nobody else has opened.
func attack() {
	os.Remove("said")
	if err := syscall.Mkfifo("said", 0o644); err != nil {
		refused("making a pipe", err)
	}
	fmt.Println(os.Args[1])
	os.Exit(0)
}
