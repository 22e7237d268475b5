package doctor

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Probe carries out the trials in the namespaces that Gather started it in and
// writes what happened to w. Each of dirs is an empty directory to try overlayfs
// in. The command that Options.Self names calls it; nobody else should, because it
// mounts over /proc.
func Probe(w io.Writer, dirs []string) error {
	var t Trials
	t.Hostname = errno(unix.Sethostname([]byte("doctor")))
	// Nothing below may reach the host, so it all depends on this.
	if t.Private = errno(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")); t.Private == 0 {
		for _, dir := range dirs {
			t.Overlay = append(t.Overlay, tryOverlay(dir, inUserNS()))
		}
		// Refused in a user namespace if something is mounted over a part of every
		// proc that can be seen, as Docker does: the new one would uncover it.
		t.Proc = errno(unix.Mount("proc", "/proc", "proc", 0, ""))
		t.Tmpfs = errno(unix.Mount("tmpfs", "/proc", "tmpfs", 0, ""))
		t.Calls = tryCalls()
		t.Networks = tryNetworks()
	}
	return json.NewEncoder(w).Encode(t)
}

// tryOverlay mounts an overlay below dir and uses what an image's layers need of
// it: replacing a lower file and a lower directory. The first takes a whiteout,
// the second an extended attribute, which not every filesystem has.
func tryOverlay(dir string, userxattr bool) unix.Errno {
	for _, name := range []string{"lower/dir", "upper", "work", "merged"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			return errno(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "lower/file"), nil, 0o644); err != nil {
		return errno(err)
	}
	// Relative names, because a comma or colon in dir would end an option.
	if err := os.Chdir(dir); err != nil {
		return errno(err)
	}
	options := "lowerdir=lower,upperdir=upper,workdir=work"
	if userxattr {
		options += ",userxattr"
	}
	if err := unix.Mount("overlay", "merged", "overlay", 0, options); err != nil {
		return errno(err)
	}
	return errno(errors.Join(
		os.Remove("merged/file"),
		os.Remove("merged/dir"),
		os.Mkdir("merged/dir", 0o755),
		unix.Unmount("merged", unix.MNT_DETACH),
	))
}

// probes are the newest system calls that containers are made with.
var probes = []struct {
	name string
	try  func() (fd int, err error)
}{
	{"fsopen", func() (int, error) { return unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC) }},
	{"open_tree", func() (int, error) { return openTree("/proc") }},
	{"mount_setattr", func() (int, error) {
		fd, err := openTree("/proc")
		if err != nil {
			return -1, err
		}
		return fd, unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
	}},
	{"openat2", func() (int, error) {
		return unix.Openat2(unix.AT_FDCWD, "/", &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT})
	}},
	{"pidfd_open", func() (int, error) { return unix.PidfdOpen(os.Getpid(), 0) }},
	{"close_range", func() (int, error) { return -1, unix.CloseRange(last, last, unix.CLOSE_RANGE_CLOEXEC) }},
}

const last = math.MaxInt32 // of all descriptors, and never open

// openTree copies a mount to a descriptor.
func openTree(path string) (int, error) {
	return unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
}

func tryCalls() map[string]unix.Errno {
	results := map[string]unix.Errno{}
	for _, p := range probes {
		fd, err := p.try()
		results[p.name] = errno(err)
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	return results
}

// errno is the system's error in err: 0 for nil, EIO for an error that holds none.
func errno(err error) unix.Errno {
	var e unix.Errno
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e
	default:
		return unix.EIO
	}
}
