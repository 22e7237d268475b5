package main

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// save writes an image as "docker save" does. The archives that its layers came in are gone, and those we make have other
// bytes, if only in the order of their entries. So they have other diff IDs, and the config has to say these.
func save(_ *cobra.Command, args []string) error {
	ref, err := name.NewTag(args[0])
	if err != nil {
		return err
	}
	all, err := images()
	if err != nil {
		return err
	}
	config := all[ref.Name()]
	if config == nil {
		return fmt.Errorf("there is no image %s", ref)
	}
	if err := lock(unix.LOCK_SH); err != nil {
		return err
	}
	img := empty.Image
	for _, id := range config.RootFS.DiffIDs[len(config.RootFS.DiffIDs)-1:] {
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return packed(stored("layer", id.Hex)), nil })
		if err == nil {
			img, err = mutate.AppendLayers(img, layer)
		}
		if err != nil {
			return fmt.Errorf("packing layer %s: %w", id, err)
		}
	}
	made, err := img.ConfigFile()
	if err != nil {
		return err
	}
	config.RootFS = made.RootFS
	if img, err = mutate.ConfigFile(img, config); err != nil {
		return err
	}
	if err := tarball.WriteToFile(args[1], ref, img); err != nil {
		return errors.Join(fmt.Errorf("writing %s: %w", args[1], err), os.Remove(args[1]))
	}
	return nil
}

// packed is the archive of a directory. It is the same each time, since WalkDir goes in the order of names.
func packed(dir string) io.ReadCloser {
	r, w := io.Pipe()
	go func() { w.CloseWithError(pack(w, dir)) }() // ends at the latest when the reader closes its end
	return r
}

// pack is unpack's contrary.
func pack(w io.Writer, dir string) error {
	archive := tar.NewWriter(w)
	names := map[uint64]string{} // of files that have several: the first, by inode
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return packEntry(archive, path, name, names)
	})
	return errors.Join(err, archive.Close())
}

func packEntry(archive *tar.Writer, path, name string, names map[uint64]string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeDevice != 0 { // a layer has no devices but whiteouts
		parent, base := filepath.Split(name)
		return archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: parent + ".wh." + base})
	}
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if target, err = os.Readlink(path); err != nil {
			return err
		}
	}
	h, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}
	h.Name, h.Uname, h.Gname = name, "", ""
	if marks() == "user" { // then all files are ours, whoever the image wanted them to belong to
		h.Uid, h.Gid = 0, 0
	}
	if info.IsDir() {
		return packDirectory(archive, path, h)
	}
	inode := info.Sys().(*syscall.Stat_t).Ino
	if first, ok := names[inode]; ok {
		h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
	}
	names[inode] = name
	if err := archive.WriteHeader(h); err != nil || h.Typeflag != tar.TypeReg {
		return err
	}
	content, err := os.Open(path)
	if err != nil {
		return err
	}
	defer content.Close()
	_, err = io.Copy(archive, content)
	return err
}

// packDirectory adds the marker for a directory that hides the lower layers' of its name.
func packDirectory(archive *tar.Writer, path string, h *tar.Header) error {
	h.Name += "/"
	if err := archive.WriteHeader(h); err != nil {
		return err
	}
	value := make([]byte, 1)
	if n, err := unix.Lgetxattr(path, marks()+".overlay.opaque", value); err != nil || n != 1 || value[0] != 'y' {
		return nil // most have no such attribute
	}
	return archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: h.Name + ".wh..wh..opq"})
}
