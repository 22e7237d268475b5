package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// uts is what a UTS namespace holds: the names a system has for itself. See uts_namespaces(7).
type uts struct {
	Hostname string // at most 64 bytes, sethostname(2)
	Mode     string // "container:PID" to join the namespace of that process, empty for a new one
}

func (u *uts) flags(run *cobra.Command) {
	run.Flags().StringVar(&u.Hostname, "hostname", "stave", "host `name` inside the container")
	run.Flags().StringVar(&u.Mode, "uts", "", "UTS namespace to use, `container:PID` for that of a process (default a new one)")
}

// child sets the name. It is inside the new namespace already, so nobody outside sees a change.
func (u *uts) child() error {
	if u.Mode != "" {
		return u.join() // a name in there isn't ours to set
	}
	if err := unix.Sethostname([]byte(u.Hostname)); err != nil {
		return fmt.Errorf("setting the host name to %q: %w", u.Hostname, err)
	}
	return nil
}

// join moves this thread to the namespace of another process. It is locked, so that it is the one that calls execve(2).
func (u *uts) join() error {
	number, _ := strings.CutPrefix(u.Mode, "container:")
	pid, err := strconv.Atoi(number)
	if err != nil {
		return fmt.Errorf("choosing the UTS namespace %q: want container:PID", u.Mode)
	}
	namespace, err := os.Open(fmt.Sprintf("/proc/%d/ns/uts", pid))
	if err != nil {
		return fmt.Errorf("joining the UTS namespace of process %d: %w", pid, err)
	}
	defer namespace.Close()
	runtime.LockOSThread()
	if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWUTS); err != nil {
		return fmt.Errorf("joining the UTS namespace of process %d: %w", pid, err)
	}
	return nil
}
