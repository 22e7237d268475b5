// Package layer may read archives, up to a limit.
package layer

import (
	"archive/tar"
	"io"

	"golang.org/x/sys/unix"
	"stave/final/engine" // want "an import goes down, never up"
)

var _ = engine.Engine{}

func read(r io.Reader) ([]byte, error) {
	_ = tar.NewReader(r)
	return io.ReadAll(r) // want "size: .*CVE-2023-25153"
}

func open(dir string) {
	unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	unix.Openat(3, dir, unix.O_NOFOLLOW, 0)
}
