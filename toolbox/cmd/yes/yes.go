// Package yes writes the same line for ever. With its output thrown away it keeps a processor busy.
//
// Synopsis:
//
//	yes [TEXT…]
package yes

import (
	"bytes"
	"os"
	"strings"

	"stave/toolbox/cmdline"
)

// Main runs the command and returns its exit status: that nobody reads any more is how it ends.
func Main(args []string) int {
	line := cmdline.New("yes [TEXT…]")
	if status, ok := line.Read(args); !ok {
		return status
	}
	text := "y"
	if line.NArg() > 0 {
		text = strings.Join(line.Args(), " ")
	}
	const block = 16 << 10
	lines := bytes.Repeat([]byte(text+"\n"), block/(len(text)+1)+1)
	for {
		if _, err := os.Stdout.Write(lines); err != nil {
			return line.Fail(err)
		}
	}
}
