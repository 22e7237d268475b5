// The toolbox binary: every command of the root filesystem in one static program, which looks at the name it was
// called by.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	os.Exit(run(os.Args))
}

// run finds the command by the name it was called by, or by the first argument: `toolbox ls -l` is `ls -l`.
func run(args []string) int {
	name := strings.TrimPrefix(filepath.Base(args[0]), "-") // login(1) calls a shell "-sh"
	if name == "toolbox" && len(args) > 1 {
		args = args[1:]
		name = args[0]
	}
	main, ok := commands[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "toolbox: %s: not one of its commands, which are the links in /bin\n", name)
		return 127
	}
	return main(args)
}
