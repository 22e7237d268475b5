package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/cgroup"
	"stave/final/plan"
	"stave/final/user"
)

// A Host is what planning needs to know of the machine. A plan depends on this and on the configuration alone.
type Host struct {
	// Privileged says that this process is root outside any user namespace, with the capability to mount.
	Privileged bool
	// Root says that it is user 0 at least of its own user namespace.
	Root bool
	// Capabilities are those this process has, by number: bit n is capability n (capabilities(7)).
	Capabilities uint64
	// Streams are our standard streams.
	Streams Streams
	// Groups are the group ids there are in our user namespace, and SetGroups says whether setgroups(2) is allowed in it.
	Groups    []specs.LinuxIDMapping
	SetGroups bool
	Cgroups   cgroup.Layout
	// IsDir tells whether a path is a directory. It is asked for the sources of bind mounts.
	IsDir func(path string) (bool, error)
	// Manager asks a user's own systemd for the cgroup that it divides. It is asked where systemd is to make one.
	Manager func() (cgroup.Manager, error)
}

// Grantable are the capabilities that a program can be given: all of its own user namespace's, if it has one, or else ours.
func (h Host) Grantable(userns bool) uint64 {
	if userns {
		return 1<<64 - 1
	}
	return h.Capabilities
}

// Look finds out about this machine.
func Look() (Host, error) {
	layout, err := cgroup.Detect()
	if err != nil {
		return Host{}, err
	}
	return Host{
		Privileged: Privileged(), Root: os.Geteuid() == 0, Capabilities: permitted(), Streams: streams(), Groups: user.Own().GIDs, SetGroups: user.MaySetGroups(),
		Cgroups: layout, IsDir: isDir, Manager: layout.UserManager,
	}, nil
}

// Privileged tells whether this process is root as far as the whole machine is concerned: user 0 in the first user namespace, with CAP_SYS_ADMIN,
// which a container's root lacks.
func Privileged() bool {
	if os.Geteuid() != 0 {
		return false
	}
	m, err := plan.ReadFile("/proc/self/uid_map")
	if err != nil || strings.Join(strings.Fields(string(m)), " ") != "0 0 4294967295" {
		return false
	}
	return permitted()&(1<<unix.CAP_SYS_ADMIN) != 0
}

// permitted are the capabilities of this process.
func permitted() uint64 {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return 0
	}
	return uint64(sets[1].Permitted)<<32 | uint64(sets[0].Permitted)
}

// Streams tell which of file descriptors 0, 1 and 2 are the null device, and which are pipes.
type Streams struct{ Null, Pipe [3]bool }

func streams() (s Streams) {
	for fd := range s.Null {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil {
			s.Null[fd] = st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == unix.Mkdev(1, 3)
			s.Pipe[fd] = st.Mode&unix.S_IFMT == unix.S_IFIFO
		}
	}
	return s
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
