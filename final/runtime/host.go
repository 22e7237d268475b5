package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"stave/final/cgroup"
)

// A Host is what planning needs to know of the machine. A plan depends on this and on the configuration alone.
type Host struct {
	// Privileged says that this process is root outside any user namespace, with the capability to mount.
	Privileged bool
	Cgroups    cgroup.Layout
	// IsDir tells whether a path is a directory. It is asked for the sources of bind mounts.
	IsDir func(path string) (bool, error)
}

// Look finds out about this machine.
func Look() (Host, error) {
	layout, err := cgroup.Detect()
	if err != nil {
		return Host{}, err
	}
	return Host{Privileged: Privileged(), Cgroups: layout, IsDir: isDir}, nil
}

// Privileged tells whether this process is root as far as the whole machine is concerned: user 0 in the first user namespace, with CAP_SYS_ADMIN,
// which a container's root lacks.
func Privileged() bool {
	if os.Geteuid() != 0 {
		return false
	}
	m, err := os.ReadFile("/proc/self/uid_map")
	if err != nil || strings.Join(strings.Fields(string(m)), " ") != "0 0 4294967295" {
		return false
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return false
	}
	return sets[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0
}

func isDir(path string) (bool, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("%w: make it first", fs.ErrNotExist)
	}
	if err != nil {
		return false, errors.Unwrap(err)
	}
	return info.IsDir(), nil
}
