// Package basename takes file names apart.
//
// Synopsis:
//
//	basename NAME [SUFFIX]
//	dirname NAME…
//
// basename shows the last part of a name, without the suffix; dirname shows what is before it.
package basename

import (
	"fmt"
	"path/filepath"
	"strings"

	"stave/toolbox/cmdline"
)

// Main runs the command basename and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("basename NAME [SUFFIX]")
	if status, ok := line.Read(args); !ok {
		return status
	}
	if line.NArg() < 1 || line.NArg() > 2 {
		return line.Misuse("one name is needed")
	}
	base := filepath.Base(line.Arg(0))
	if suffix := line.Arg(1); suffix != base {
		base = strings.TrimSuffix(base, suffix)
	}
	fmt.Println(base)
	return cmdline.Success
}

// Dirname runs the command dirname and returns its exit status.
func Dirname(args []string) int {
	line := cmdline.New("dirname NAME…")
	if status, ok := line.Read(args); !ok {
		return status
	}
	if line.NArg() == 0 {
		return line.Misuse("which name?")
	}
	for _, name := range line.Args() {
		trimmed := strings.TrimRight(name, "/")
		if trimmed == "" && name != "" {
			trimmed = "/"
		}
		fmt.Println(filepath.Dir(trimmed))
	}
	return cmdline.Success
}
