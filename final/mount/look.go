package mount

import (
	"fmt"
	"path"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// What planning learns by looking into the root filesystem is advice: what the plan does there is safe whatever is in it by then.

// look opens a name in the root filesystem without opening what it stands for.
func (o Options) look(name string, flags uint64) (int, error) {
	dir := o.Rootfs
	root, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(root)
	for tries := 0; ; tries++ {
		fd, err := unix.Openat2(root, name, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC | flags, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS})
		if err != unix.EAGAIN || tries == 1000 { // a rename anywhere on the machine makes a ".." fail so (openat2(2))
			return fd, err
		}
	}
}

func (o Options) stat(name string) (st unix.Stat_t, err error) {
	fd, err := o.look(name, 0)
	if err != nil {
		return st, err
	}
	defer unix.Close(fd)
	return st, unix.Fstat(fd, &st)
}

// covered tells whether a name is in another mount, so that what the root filesystem has there doesn't count. One that begins
// with what it covers has the same.
func (s *Set) covered(name string) bool {
	return slices.ContainsFunc(s.entries, func(e entry) bool { return below(name, e.mount.Destination) && !e.copyUp })
}

// mountedOn tells whether an entry is on a name itself, and no later one covers it.
func (s *Set) mountedOn(name string) bool {
	for _, e := range slices.Backward(s.entries) {
		if e.mount.Destination == name || below(name, e.mount.Destination) {
			return e.mount.Destination == name
		}
	}
	return false
}

// mode is the option that gives a tmpfs the mode of the directory it covers, as runc and crun do; a new one has 0755.
func (s *Set) mode(destination string) []string {
	if s.options.Rootfs == "" {
		return nil
	}
	st, err := s.options.stat(destination)
	if s.covered(destination) {
		err = unix.ENOENT
	}
	switch err {
	case nil:
		return []string{fmt.Sprintf("mode=%o", st.Mode&0o7777)}
	case unix.ENOENT:
		return []string{"mode=755"}
	}
	return nil
}

// maxLinks is how many links are followed in one name, as many as the kernel does (path_resolution(7)).
const maxLinks = 40

// follow is the name of a destination without links, even if they lead to nothing yet. A distribution's /etc/resolv.conf is such a link.
func (o Options) follow(destination string) string {
	if o.Rootfs == "" {
		return destination
	}
	if _, err := o.stat(destination); err == nil {
		return destination // nothing will be made
	}
	links, done, rest := 0, "/", destination
	for rest != "" && links <= maxLinks {
		var part string
		part, rest, _ = strings.Cut(strings.TrimLeft(rest, "/"), "/")
		next := path.Join(done, part) // takes care of . and ..
		target, err := o.readlink(next)
		switch {
		case err != nil:
			done = next
			continue
		case path.IsAbs(target):
			done = "/"
		}
		rest = target + "/" + rest
		links++
	}
	if links > maxLinks {
		return destination
	}
	return done
}

func (o Options) readlink(name string) (string, error) {
	fd, err := o.look(name, unix.O_NOFOLLOW)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	b := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", b)
	return string(b[:max(n, 0)]), err
}

// matches tells whether there is something else already in a device's place ("If a file already exists at path that does not match the requested
// device, the runtime MUST generate an error", config-linux.md, "Devices").
func (o Options) matches(d specs.LinuxDevice) error {
	if o.Rootfs == "" {
		return nil
	}
	st, err := o.stat(d.Path)
	if err != nil {
		return nil
	}
	kind, dev := deviceType(d.Type), unix.Mkdev(uint32(d.Major), uint32(d.Minor))
	if st.Mode&unix.S_IFMT != kind || kind != unix.S_IFIFO && st.Rdev != dev {
		return fmt.Errorf("linux.devices: %s is something else already in the root filesystem", d.Path)
	}
	return nil
}
