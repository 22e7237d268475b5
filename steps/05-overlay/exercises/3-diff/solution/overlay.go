package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// overlay is a root made of layers: directories that lie on one another and are seen as one. They are never written to, so
// containers can share them; what a container writes goes to an upper directory of its own. See overlayfs.rst in
// Documentation/filesystems of the kernel's source.
type overlay struct {
	Layers []string // the lowest first, as in an image's manifest
	Keep   string
	Dir    string // what overlayfs needs besides: upper, work, and a place to mount it
	lock   *os.File
}

func (o *overlay) flags(run *cobra.Command) {
	run.Flags().StringArrayVar(&o.Layers, "layer", nil, "`directory` to see as part of /, on top of those named before it (repeatable)")
	run.Flags().StringVar(&o.Keep, "keep", "", "`directory` for what the container writes, which is thrown away without it")
	run.MarkFlagsMutuallyExclusive("rootfs", "layer")
}

// command returns the command diff, which takes the flags that run was given.
func (o *overlay) command() *cobra.Command {
	diff := &cobra.Command{Use: "diff --layer DIR... --keep DIR", Short: "List what a container has changed", Args: cobra.NoArgs}
	diff.RunE = func(*cobra.Command, []string) error { return o.diff() }
	diff.Flags().StringArrayVar(&o.Layers, "layer", nil, "`directory` as run was given it (repeatable)")
	diff.Flags().StringVar(&o.Keep, "keep", "", "`directory` as run was given it")
	diff.MarkFlagRequired("layer")
	diff.MarkFlagRequired("keep")
	return diff
}

// diff prints what an upper directory says of the layers: A for what was added, C for what was changed, D for what was deleted.
func (o *overlay) diff() error {
	upper := o.Keep + "/upper"
	return filepath.WalkDir(upper, func(path string, entry fs.DirEntry, err error) error {
		name := strings.TrimPrefix(path, upper)
		if err != nil || name == "" {
			return err
		}
		switch {
		case isWhiteout(path):
			fmt.Println("D", name)
		case o.shown(name):
			fmt.Println("C", name)
		default:
			fmt.Println("A", name)
		}
		if !entry.IsDir() || !isOpaque(path) {
			return nil
		}
		for _, hidden := range o.list(name) { // by an opaque directory it takes no whiteout
			if _, err := os.Lstat(path + "/" + hidden); err != nil {
				fmt.Println("D", name+"/"+hidden)
			}
		}
		return nil
	})
}

// list returns the names that the layers show in a directory.
func (o *overlay) list(name string) (names []string) {
	for _, layer := range o.Layers {
		entries, _ := os.ReadDir(layer + name)
		for _, entry := range entries {
			if o.shown(name+"/"+entry.Name()) && !slices.Contains(names, entry.Name()) {
				names = append(names, entry.Name())
			}
		}
	}
	slices.Sort(names)
	return names
}

// shown tells whether the layers show a name: one has it, and none above that hides it by a whiteout, an opaque directory
// or a file, be it for the name itself or for a directory on the way to it.
func (o *overlay) shown(name string) bool {
	for _, layer := range slices.Backward(o.Layers) {
		path, found, hidden := layer, true, false
		for part := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
			hidden = hidden || isOpaque(path)
			path += "/" + part
			info, err := os.Lstat(path)
			if found = err == nil; !found {
				break
			}
			if isWhiteout(path) {
				return false
			}
			hidden = hidden || !info.IsDir()
		}
		if found || hidden {
			return found
		}
	}
	return false
}

// isWhiteout looks for a device numbered 0, 0.
func isWhiteout(path string) bool {
	var is unix.Stat_t
	return unix.Lstat(path, &is) == nil && is.Mode&unix.S_IFMT == unix.S_IFCHR && is.Rdev == 0
}

// isOpaque looks for the mark that root's overlayfs makes, and the one that it makes in a user namespace.
func isOpaque(path string) bool {
	value := make([]byte, 1)
	for _, mark := range []string{"trusted.overlay.opaque", "user.overlay.opaque"} {
		if n, err := unix.Lgetxattr(path, mark, value); err == nil && string(value[:n]) == "y" {
			return true
		}
	}
	return false
}

// create makes the directories. It is for the parent to do, who is still there to remove them when the container is gone.
func (o *overlay) create() error {
	for _, dir := range leftovers(filepath.Join(os.TempDir(), "stave-upper-*")) {
		os.RemoveAll(dir)
	}
	if len(o.Layers) == 0 {
		if o.Keep != "" {
			return errors.New("--keep needs --layer")
		}
		return nil
	}
	defer unix.Umask(unix.Umask(0o022)) // upper gives the container's / its mode
	if o.Dir = o.Keep; o.Dir == "" {
		dir, err := os.MkdirTemp("", fmt.Sprintf("stave-upper-*-%d", os.Getpid()))
		if err != nil {
			return fmt.Errorf("making a directory to write to: %w", err)
		}
		o.Dir = dir
	}
	for _, dir := range []string{"/upper", "/work", "/root"} {
		if err := os.MkdirAll(o.Dir+dir, 0o755); err != nil {
			return fmt.Errorf("making a directory to write to: %w", err)
		}
	}
	lock, err := os.Open(o.Dir)
	if err == nil {
		err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err != nil {
		return fmt.Errorf("locking %s, in which no two containers may write: %w", o.Dir, err)
	}
	o.lock = lock // locked until we end
	return nil
}

// child mounts the layers, and gives step 03 the result as its rootfs.
func (o *overlay) child(rootfs *string) error {
	if o.Dir == "" {
		return nil
	}
	// overlayfs gets the directories as open files: colons and commas in their names would confuse it, and many names be
	// more than the one page that mount(2) takes.
	var files []string
	for _, path := range append(slices.Clone(o.Layers), o.Dir+"/upper", o.Dir+"/work") {
		file, err := os.OpenFile(path, unix.O_PATH|unix.O_DIRECTORY, 0)
		if err != nil {
			return fmt.Errorf("opening a layer: %w", err)
		}
		defer file.Close()
		files = append(files, fmt.Sprintf("/proc/self/fd/%d", file.Fd()))
	}
	lower, upper, work := files[:len(o.Layers)], files[len(o.Layers)], files[len(o.Layers)+1]
	slices.Reverse(lower) // overlayfs names the topmost first
	options := "lowerdir=" + strings.Join(lower, ":") + ",upperdir=" + upper + ",workdir=" + work
	if inUserNamespace() {
		options += ",userxattr" // the marks that overlayfs makes are "trusted" attributes otherwise, root's alone: xattr(7)
	}
	*rootfs = o.Dir + "/root"
	if err := unix.Mount("overlay", *rootfs, "overlay", 0, options); err != nil {
		return fmt.Errorf("mounting %d layers as an overlay: %w (dmesg may say why)", len(lower), err)
	}
	return nil
}

// remove throws away what the container wrote. Its mounts have gone with its last process.
func (o *overlay) remove() {
	if o.Dir == "" || o.Dir == o.Keep {
		return
	}
	if err := os.RemoveAll(o.Dir); err != nil {
		fmt.Fprintln(os.Stderr, "step:", err)
	}
}
