package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// mounts is what a mount namespace holds: which file system is seen where. See mount_namespaces(7).
type mounts struct {
	Rootfs         string
	Volumes, Tmpfs []string
	ReadOnly       bool
	err            error // of the first operation that failed; after it, nothing is done
}

func (m *mounts) flags(run *cobra.Command) {
	run.Flags().StringVar(&m.Rootfs, "rootfs", "", "`directory` to see as / (without it: the host's, only /proc is new)")
	run.Flags().StringArrayVarP(&m.Volumes, "volume", "v", nil, "see the host's SRC at DST, `SRC:DST[:ro]` (repeatable)")
	run.Flags().StringArrayVar(&m.Tmpfs, "tmpfs", nil, "see an empty file system in memory at `path` (repeatable)")
	run.Flags().BoolVar(&m.ReadOnly, "read-only", false, "refuse writes to /; volumes, tmpfs and /dev stay as they are")
}

// private comes before any mount. The namespace began as a copy of the host's, and where the host's mounts are shared, as
// systemd makes them, whatever is mounted here would show up there as well.
func (m *mounts) private() error {
	m.do("making private", "/", func() error { return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") })
	return m.err
}

// child exchanges the host's files for the container's: with pivot_root(2), because chroot(2) would only hide the host's.
func (m *mounts) child() error {
	if m.Rootfs == "" {
		if m.ReadOnly || len(m.Volumes)+len(m.Tmpfs) > 0 {
			return errors.New("--volume, --tmpfs and --read-only need --rootfs")
		}
		m.mount("proc", "/proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
		return m.err
	}
	var volumes []func()
	for _, v := range m.Volumes {
		volumes = append(volumes, m.volume(v))
	}
	host, err := os.Open("/")
	if err != nil {
		return fmt.Errorf("opening the host's root: %w", err)
	}
	defer host.Close()                // or the container finds it in /proc/1/fd
	m.bind(m.Rootfs, m.Rootfs, false) // makes it a mount point, and a private one: otherwise pivot_root refuses it
	m.do("entering", m.Rootfs, func() error { return unix.Chdir(m.Rootfs) })
	m.do("pivoting to", m.Rootfs, func() error { return unix.PivotRoot(".", ".") })
	// The host's root now lies on top of ours, and until it is unmounted it is our working directory: a relative path is
	// the host's, an absolute one the container's, and a symbolic link in the rootfs leads nowhere but into the rootfs.
	m.do("entering", "the host's root", host.Chdir)
	m.system()
	m.hide()
	for _, path := range m.Tmpfs {
		m.mount("tmpfs", filepath.Join("/", path), unix.MS_NOSUID|unix.MS_NODEV, "mode=1777")
	}
	for _, show := range volumes {
		show()
	}
	m.do("unmounting", "the host's root", func() error { return unix.Unmount(".", unix.MNT_DETACH) })
	m.do("entering", "/", func() error { return unix.Chdir("/") })
	if m.ReadOnly {
		m.readOnly("/", 0)
	}
	os.Setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin") // the host's may name other directories
	return m.err
}

// system mounts what comes from the kernel and not from the rootfs.
func (m *mounts) system() {
	defer unix.Umask(unix.Umask(0))
	const safe = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	m.mount("proc", "/proc", safe, "") // it shows the pid namespace of whoever mounts it, so it had to wait for the child
	m.mount("tmpfs", "/dev", unix.MS_NOSUID, "mode=755,size=64k")
	m.mount("tmpfs", "/dev/shm", safe, "mode=1777,size=64m")
	m.mount("devpts", "/dev/pts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=666,mode=620")
	for path, target := range map[string]string{"/dev/fd": "/proc/self/fd", "/dev/stdin": "/proc/self/fd/0",
		"/dev/stdout": "/proc/self/fd/1", "/dev/stderr": "/proc/self/fd/2", "/dev/ptmx": "pts/ptmx"} {
		m.do("linking", path, func() error { return os.Symlink(target, path) })
	}
	devices := map[string]uint64{"/dev/null": unix.Mkdev(1, 3), "/dev/zero": unix.Mkdev(1, 5), "/dev/full": unix.Mkdev(1, 7),
		"/dev/random": unix.Mkdev(1, 8), "/dev/urandom": unix.Mkdev(1, 9), "/dev/tty": unix.Mkdev(5, 0)}
	if inUserNamespace() { // its root can't make devices or mount sysfs, which shows the host's network: show the host's own
		for path := range devices {
			m.bind(path[1:], path, false)
		}
		m.bind("sys", "/sys", true)
		return
	}
	for path, number := range devices {
		m.do("making", path, func() error { return unix.Mknod(path, unix.S_IFCHR|0o666, int(number)) })
	}
	m.mount("sysfs", "/sys", safe|unix.MS_RDONLY, "")
}

// hide covers what tells about the whole machine, and locks what would change it; the lists are Docker's. A real root can
// take the covers off again: in final/ it lacks the capability (09-security).
func (m *mounts) hide() {
	for _, path := range []string{"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/scsi",
		"/proc/sched_debug", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware"} {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			m.mount("tmpfs", path, unix.MS_RDONLY, "")
		} else if err == nil {
			m.bind("/dev/null", path, false) // our own, made a moment ago: CVE-2025-31133
		}
	}
	for _, path := range []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"} {
		if _, err := os.Stat(path); err == nil {
			m.bind(path, path, true)
		}
	}
}

// volume reads SRC:DST[:ro] while SRC can still be relative, or a link of the host's, and returns what is to be done later.
// Somebody could exchange a directory for a link in between: final/ opens SRC once, and mounts what it has opened.
func (m *mounts) volume(s string) (show func()) {
	source, target, _ := strings.Cut(s, ":")
	target, readOnly := strings.CutSuffix(target, ":ro")
	m.do("parsing volume", s, func() (err error) {
		if !filepath.IsAbs(target) || strings.Contains(target, ":") {
			return errors.New("want SRC:DST or SRC:DST:ro, and DST must begin with /")
		}
		if source, err = filepath.EvalSymlinks(source); err == nil {
			source, err = filepath.Abs(source)
		}
		return err
	})
	return func() { m.bind("."+source, target, readOnly) }
}

// do does one thing, unless something before it failed.
func (m *mounts) do(doing, what string, call func() error) {
	if m.err != nil {
		return
	}
	if err := call(); err != nil {
		m.err = fmt.Errorf("%s %s: %w", doing, what, err)
	}
}

// mount mounts a file system that has no source.
func (m *mounts) mount(kind, target string, flags uintptr, options string) {
	m.do("making", target, func() error { return os.MkdirAll(target, 0o755) })
	m.do("mounting "+kind+" on", target, func() error { return unix.Mount(kind, target, kind, flags, options) })
}

// bind shows a file or directory in a second place, which must be of the same sort.
func (m *mounts) bind(source, target string, readOnly bool) {
	m.do("binding "+source+" to", target, func() error {
		info, err := os.Stat(source)
		if err != nil {
			return err
		}
		if info.IsDir() {
			err = os.MkdirAll(target, 0o755)
		} else if err = os.MkdirAll(filepath.Dir(target), 0o755); err == nil {
			err = unix.Mknod(target, unix.S_IFREG|0o644, 0)
		}
		if err != nil && err != unix.EEXIST {
			return err
		}
		return unix.Mount(source, target, "", unix.MS_BIND|unix.MS_REC, "")
	})
	if readOnly {
		m.readOnly(target, unix.AT_RECURSIVE)
	}
}

// readOnly sets one flag and leaves the others alone; with MS_REMOUNT we would have to name them all. See mount_setattr(2).
func (m *mounts) readOnly(path string, flags uint) {
	attr := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	m.do("making read-only", path, func() error { return unix.MountSetattr(unix.AT_FDCWD, path, flags, attr) })
}

// inUserNamespace looks at which ids are mapped: outside any user namespace, all 2^32-1 are. See user_namespaces(7).
func inUserNamespace() bool {
	ids, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && !slices.Equal(strings.Fields(string(ids)), []string{"0", "0", "4294967295"})
}
