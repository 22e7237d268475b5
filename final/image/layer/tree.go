package layer

import (
	"errors"
	"fmt"
	"path"

	"golang.org/x/sys/unix"
)

// tree is the directory a layer is unpacked into. All names are relative to it and cleaned; "." is the directory itself.
type tree struct {
	root int // O_PATH

	// Entries of a directory mostly follow one another, so the last parent is kept open. It can't go stale: what
	// replaces it has another parent, which takes its place here first.
	lastPath string
	last     int // O_PATH, or -1

	prefix string           // of overlayfs's extended attributes
	made   func(dir string) // told of directories made though the archive has no entry for them (yet)
}

func openTree(dir string) (*tree, error) {
	root, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", dir, err)
	}
	return &tree{root: root, last: -1}, nil
}

func (t *tree) close() {
	if t.last >= 0 {
		unix.Close(t.last)
	}
	unix.Close(t.root)
}

// resolve opens a directory of the tree, following symbolic links as a process with this root would.
func (t *tree) resolve(dir string) (int, error) {
	return t.openIn(dir, unix.O_PATH)
}

func (t *tree) openIn(dir string, flags uint64) (int, error) {
	how := unix.OpenHow{
		Flags:   flags | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	}
	for {
		fd, err := unix.Openat2(t.root, dir, &how)
		// EAGAIN: something in the system was renamed while ".." was resolved, openat2(2).
		if err != unix.EAGAIN && err != unix.EINTR {
			return fd, err
		}
	}
}

// parent opens the directory that holds name, made if it is missing, and keeps it open until the next call.
func (t *tree) parent(name string) (dirfd int, base string, err error) {
	dir, base := path.Split(name)
	dir = path.Clean(dir)
	if t.last >= 0 && t.lastPath == dir {
		return t.last, base, nil
	}
	fd, err := t.resolve(dir)
	if err == unix.ENOENT || err == unix.ENOTDIR {
		fd, err = t.make(dir)
	}
	if err != nil {
		return -1, "", err
	}
	if t.last >= 0 {
		unix.Close(t.last)
	}
	t.last, t.lastPath = fd, dir
	return fd, base, nil
}

// make makes a directory that the archive has no entry for (yet), with its parents, and opens it.
func (t *tree) make(dir string) (int, error) {
	if dir == "." {
		return -1, unix.ENOENT
	}
	dirfd, base, err := t.parent(dir)
	if err != nil {
		return -1, err
	}
	if err := t.mkdir(dirfd, base, false); err != nil {
		return -1, err
	}
	t.made(dir)
	return t.resolve(dir)
}

// mkdir makes a directory, or leaves the one that is there. Anything else in its place is replaced if the archive asks for it. A
// whiteout in its place means that the lower layers' directory was removed before: then the new one is opaque.
func (t *tree) mkdir(dirfd int, base string, replace bool) error {
	err := unix.Mkdirat(dirfd, base, 0o700)
	if err != unix.EEXIST {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstatat(dirfd, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	white := isWhiteout(&st)
	switch {
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		return nil
	case !replace && !white:
		return unix.ENOTDIR
	}
	if err := t.remove(dirfd, base); err != nil {
		return err
	}
	if err := unix.Mkdirat(dirfd, base, 0o700); err != nil || !white {
		return err
	}
	return t.opaque(dirfd, base)
}

// remove makes room for an entry that replaces an earlier one.
func (t *tree) remove(dirfd int, base string) error {
	err := unix.Unlinkat(dirfd, base, 0)
	if err == unix.EISDIR {
		return removeTree(dirfd, base)
	}
	return err
}

// put calls create, which makes base in dirfd, and once more after making room if something is there already.
func (t *tree) put(dirfd int, base string, create func() error) error {
	err := create()
	if !errors.Is(err, unix.EEXIST) {
		return err
	}
	if err := t.remove(dirfd, base); err != nil {
		return err
	}
	return create()
}

// isWhiteout knows overlayfs's mark for "there is nothing here, whatever the lower layers say".
func isWhiteout(st *unix.Stat_t) bool {
	return st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == 0
}

// whiteout hides what lower layers have under this name. What this layer itself has stays: a whiteout says nothing
// about its own layer, in whatever order the entries come.
func (t *tree) whiteout(dirfd int, base string) error {
	err := unix.Mknodat(dirfd, base, unix.S_IFCHR, 0)
	if err != unix.EEXIST {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstatat(dirfd, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return nil // anything but a directory hides what is below by itself
	}
	return t.opaque(dirfd, base)
}

// opaque hides what lower layers have in this directory.
func (t *tree) opaque(dirfd int, base string) error {
	fd, err := unix.Openat(dirfd, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Fsetxattr(fd, t.prefix+"opaque", []byte("y"), 0); err != nil {
		return fmt.Errorf("setting %sopaque: %w", t.prefix, err)
	}
	return nil
}

// finish gives a directory its mode and times.
func (t *tree) finish(d directory) error {
	fd, err := t.openIn(d.name, unix.O_RDONLY|unix.O_NOFOLLOW)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if d.times != nil {
		if err := unix.UtimesNanoAt(fd, ".", d.times, 0); err != nil {
			return err
		}
	}
	return unix.Fchmod(fd, d.mode)
}
