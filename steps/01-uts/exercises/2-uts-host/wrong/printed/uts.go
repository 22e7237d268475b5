package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// uts is what a UTS namespace holds: the names a system has for itself. See uts_namespaces(7).
type uts struct {
	Mode     string // "host" to stay in the namespace we are in, empty for a new one
	Outside  string // the namespace outside, as /proc has it
	Hostname string // in a new one; at most 64 bytes, sethostname(2)
}

func (u *uts) flags(run *cobra.Command) {
	run.Flags().StringVar(&u.Mode, "uts", "", "UTS namespace to use, `host` for the one outside (default a new one)")
	run.Flags().StringVar(&u.Hostname, "hostname", "stave", "host `name` inside the container")
	run.MarkFlagsMutuallyExclusive("uts", "hostname") // or the machine would be renamed
}

// look asks for the namespace outside.
func (u *uts) look() (err error) {
	u.Outside, err = os.Readlink("/proc/self/ns/uts")
	return err
}

// child sets the name. It is inside the new namespace already, so nobody outside sees a change.
func (u *uts) child() error {
	if u.Mode == "host" {
		fmt.Println(u.Outside)
		os.Exit(0)
	}
	if err := unix.Sethostname([]byte(u.Hostname)); err != nil {
		return fmt.Errorf("setting the host name to %q: %w", u.Hostname, err)
	}
	return nil
}
