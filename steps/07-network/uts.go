package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// uts is what a UTS namespace holds: the names a system has for itself. See uts_namespaces(7).
type uts struct {
	Hostname string // at most 64 bytes, sethostname(2)
}

func (u *uts) flags(run *cobra.Command) {
	run.Flags().StringVar(&u.Hostname, "hostname", "stave", "host `name` inside the container")
}

// child sets the name. It is inside the new namespace already, so nobody outside sees a change.
func (u *uts) child() error {
	if err := unix.Sethostname([]byte(u.Hostname)); err != nil {
		return fmt.Errorf("setting the host name to %q: %w", u.Hostname, err)
	}
	return nil
}
