// Package hostname shows or sets the host name, which belongs to the UTS namespace the caller is in; see
// uts_namespaces(7).
//
// Synopsis:
//
//	hostname [-s] [NAME]
//
// Options:
//
//	-s  only what comes before the first dot
package hostname

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmdline"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("hostname [-s] [NAME]")
	short := line.BoolP("short", "s", false, "only what comes before the first dot")
	if status, ok := line.Read(args); !ok {
		return status
	}
	switch line.NArg() {
	case 0:
		name, err := os.Hostname()
		if err != nil {
			return line.Fail(err)
		}
		if *short {
			name, _, _ = strings.Cut(name, ".")
		}
		fmt.Println(name)
	case 1:
		if err := unix.Sethostname([]byte(line.Arg(0))); err != nil {
			return line.Failf("setting the name to %q: %w", line.Arg(0), err)
		}
	default:
		return line.Misuse("one name at a time")
	}
	return cmdline.Success
}
