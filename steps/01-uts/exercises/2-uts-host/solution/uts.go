package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// uts is what a UTS namespace holds: the names a system has for itself. See uts_namespaces(7).
type uts struct {
	Mode     string // "host" to stay in the namespace we are in, empty for a new one
	Hostname string // in a new one; at most 64 bytes, sethostname(2)
}

func (u *uts) flags(run *cobra.Command) {
	run.Flags().StringVar(&u.Mode, "uts", "", "UTS namespace to use, `host` for the one outside (default a new one)")
	run.Flags().StringVar(&u.Hostname, "hostname", "stave", "host `name` inside the container")
	run.MarkFlagsMutuallyExclusive("uts", "hostname") // or the machine would be renamed
}

// cloneflags is what clone(2) has to do about the namespace.
func (u *uts) cloneflags() (uintptr, error) {
	switch u.Mode {
	case "":
		return unix.CLONE_NEWUTS, nil
	case "host":
		return 0, nil
	}
	return 0, fmt.Errorf("choosing the UTS namespace %q: there is only host", u.Mode)
}

// child sets the name. It is inside the new namespace already, so nobody outside sees a change.
func (u *uts) child() error {
	if u.Mode == "host" {
		return nil // the namespace isn't ours, so its name isn't either
	}
	if err := unix.Sethostname([]byte(u.Hostname)); err != nil {
		return fmt.Errorf("setting the host name to %q: %w", u.Hostname, err)
	}
	return nil
}
