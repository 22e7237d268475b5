// Package clear empties the terminal's window, with the sequences all terminals understand; see console_codes(4).
//
// Synopsis:
//
//	clear
//	reset
//
// reset first puts the terminal back as it was when it was switched on.
package clear

import (
	"fmt"

	"stave/toolbox/cmdline"
)

// Main runs the command clear and returns its exit status.
func Main([]string) int {
	fmt.Print("\x1b[H\x1b[2J\x1b[3J")
	return cmdline.Success
}

// Reset runs the command reset and returns its exit status.
func Reset([]string) int {
	fmt.Print("\x1bc")
	return cmdline.Success
}
