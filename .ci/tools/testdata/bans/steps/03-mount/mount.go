// Mount takes the short way.
package main

import (
	"os"

	"golang.org/x/sys/unix"
	"stave/final/plan" // want "not allowed from list 'steps'"
)

var _ = plan.Op{}

func main() {
	unix.Mount("proc", "/proc", "proc", 0, "")
	os.Chdir("/")
	os.MkdirAll("/newroot", 0o755)
	unix.Chroot("/newroot") // want "chroot:"
}
