package main

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"
)

// tooLarge stops an archive that was made to fill the disk, from a few compressed megabytes. In final/, Limits looks at more.
const tooLarge = 16 << 30 // bytes

// unpack makes a directory of a layer, unless it is there: layers are shared by all images that have them. It comes into
// place by rename(2), whole and checked or not at all.
func unpack(layer v1.Layer, diffID string) error {
	place := stored("layer", diffID)
	if _, err := os.Stat(place); err == nil {
		return nil
	}
	// The library compares digest and size of what comes with the manifest's, and decompresses gzip and zstd.
	stream, err := layer.Uncompressed()
	if err != nil {
		return err
	}
	defer stream.Close()
	dir := stored("unfinished", fmt.Sprintf("%s-%d", diffID, os.Getpid()))
	defer os.RemoveAll(dir)
	hash := sha256.New()
	archive := io.TeeReader(io.LimitReader(stream, tooLarge), hash)
	if err := extract(tar.NewReader(archive), dir); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, archive); err != nil { // an archive may end before the stream
		return err
	}
	if is := hex.EncodeToString(hash.Sum(nil)); is != diffID {
		return fmt.Errorf("its diff ID is %s, the config says %s", is, diffID)
	}
	if err := os.Rename(dir, place); !errors.Is(err, fs.ErrExist) { // or another process was faster
		return err
	}
	return nil
}

func extract(archive *tar.Reader, dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	// Archives come from strangers. Nothing we do through a Root can lead outside, by "..", by an absolute name or by a
	// symbolic link made a moment before. It even refuses to follow absolute links, which in an image mean the image's own
	// root; final/image/layer follows them there, with openat2(2).
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for {
		h, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = entry(root, h, archive)
		}
		if err != nil {
			return fmt.Errorf("unpacking: %w", err)
		}
	}
}

// entry unpacks one entry. A name that begins with .wh. says that the lower layers' file is gone, and overlayfs wants to
// be told in its own way. See "Whiteouts" in layer.md of the image specification.
func entry(root *os.Root, h *tar.Header, content io.Reader) error {
	name := path.Clean(strings.TrimLeft(h.Name, "/"))
	dir, base := path.Dir(name), path.Base(name)
	if err := root.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	parent, err := root.Open(dir)
	if err != nil {
		return err
	}
	defer parent.Close()
	if base == ".wh..wh..opq" { // everything lower in this directory is gone
		return unix.Fsetxattr(int(parent.Fd()), marks()+".overlay.opaque", []byte("y"), 0)
	}
	if gone, ok := strings.CutPrefix(base, ".wh."); ok {
		err := unix.Mknodat(int(parent.Fd()), gone, unix.S_IFCHR, 0)
		if err == unix.EEXIST { // the layer has something of that name itself, which hides the lower file, or in final/ is made to
			return nil
		}
		return err
	}
	if info, err := root.Lstat(name); err == nil && !(info.IsDir() && h.Typeflag == tar.TypeDir) {
		if err := root.RemoveAll(name); err != nil { // the later entry counts
			return err
		}
	}
	switch h.Typeflag {
	case tar.TypeDir:
		err = root.MkdirAll(name, 0o755)
	case tar.TypeReg:
		err = file(root, name, content)
	case tar.TypeSymlink:
		err = root.Symlink(h.Linkname, name)
	case tar.TypeLink:
		return root.Link(path.Clean(strings.TrimLeft(h.Linkname, "/")), name)
	default:
		return nil // devices above all; the container gets those it may have from mount.go
	}
	if err != nil {
		return err
	}
	return attributes(root, name, h)
}

func file(root *os.Root, name string, content io.Reader) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}

// attributes comes after the content. The owner is first, because a change of owner takes the setuid bit away.
func attributes(root *os.Root, name string, h *tar.Header) error {
	mode := h.FileInfo().Mode()
	if marks() == "trusted" {
		if err := root.Lchown(name, h.Uid, h.Gid); err != nil {
			return err
		}
	} else if mode.IsDir() {
		mode |= 0o700 // or we couldn't put anything into it, not being the real root
	}
	if h.Typeflag == tar.TypeSymlink {
		return nil
	}
	return errors.Join(root.Chmod(name, mode), root.Chtimes(name, h.ModTime, h.ModTime))
}

// marks says which extended attributes overlayfs looks at: see overlay.go and xattr(7).
func marks() string {
	if os.Geteuid() != 0 || inUserNamespace() {
		return "user"
	}
	return "trusted"
}
