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
