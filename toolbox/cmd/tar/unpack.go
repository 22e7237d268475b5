package tar

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"stave/toolbox/filemode"
)

// members calls do with each wanted member of an archive.
func (a *archiver) members(in io.Reader, do func(*tar.Header, io.Reader) error) error {
	archive := tar.NewReader(in)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the archive: %w", err)
		}
		if !a.chosen(header.Name) {
			continue
		}
		if err := do(header, archive); err != nil {
			return err
		}
	}
}

func (a *archiver) list(in io.Reader) error {
	return a.members(in, func(h *tar.Header, _ io.Reader) error {
		if !a.verbose {
			fmt.Println(h.Name)
			return nil
		}
		owner := h.Uname + "/" + h.Gname
		if a.numeric || owner == "/" {
			owner = fmt.Sprintf("%d/%d", h.Uid, h.Gid)
		}
		text := fmt.Sprintf("%s %s %9d %s %s", filemode.String(statMode(h)), owner, h.Size,
			h.ModTime.Format("2006-01-02 15:04"), h.Name)
		switch h.Typeflag {
		case tar.TypeSymlink:
			text += " -> " + h.Linkname
		case tar.TypeLink:
			text += " link to " + h.Linkname
		}
		fmt.Println(text)
		return nil
	})
}

// statMode returns a member's type and permissions as st_mode has them.
func statMode(h *tar.Header) uint32 {
	kind := map[byte]uint32{
		tar.TypeDir: unix.S_IFDIR, tar.TypeSymlink: unix.S_IFLNK, tar.TypeChar: unix.S_IFCHR, tar.TypeBlock: unix.S_IFBLK,
		tar.TypeFifo: unix.S_IFIFO,
	}[h.Typeflag]
	if kind == 0 {
		kind = unix.S_IFREG
	}
	return kind | uint32(h.Mode)&0o7777
}

// extract unpacks below a.dir. Everything goes through an os.Root, which refuses names that lead out of it, also by way
// of links that the archive brought along.
func (a *archiver) extract(in io.Reader) error {
	if a.toOutput {
		return a.members(in, func(_ *tar.Header, content io.Reader) error {
			_, err := io.Copy(os.Stdout, content)
			return err
		})
	}
	root, err := os.OpenRoot(a.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	var directories []*tar.Header
	err = a.members(in, func(h *tar.Header, content io.Reader) error {
		h.Name = path.Clean(strings.TrimLeft(h.Name, "/"))
		if a.verbose {
			fmt.Println(h.Name)
		}
		if a.touch {
			h.ModTime = time.Time{} // for Chtimes, the time it has
		}
		if h.Typeflag == tar.TypeDir {
			directories = append(directories, h)
		}
		if err := unpack(root, h, content); err != nil {
			a.status = a.line.Failf("%s: %w", h.Name, err)
		}
		return nil
	})
	// Last, because a directory may not be writable, and because writing into it changes its time.
	for _, h := range directories {
		if err := attributes(root, h); err != nil {
			a.status = a.line.Failf("%s: %w", h.Name, err)
		}
	}
	return err
}

func unpack(root *os.Root, h *tar.Header, content io.Reader) error {
	if h.Typeflag == tar.TypeDir {
		return root.MkdirAll(h.Name, 0o700|fs.FileMode(h.Mode&0o777))
	}
	if err := root.MkdirAll(path.Dir(h.Name), 0o777); err != nil {
		return err
	}
	if err := root.Remove(h.Name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	switch h.Typeflag {
	case tar.TypeReg:
		file, err := root.OpenFile(h.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(file, content)
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
	case tar.TypeSymlink:
		if err := root.Symlink(h.Linkname, h.Name); err != nil {
			return err
		}
	case tar.TypeLink:
		return root.Link(path.Clean(strings.TrimLeft(h.Linkname, "/")), h.Name)
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		if err := node(root, h); err != nil {
			return err
		}
	default:
		return fmt.Errorf("a member of type %q can't be unpacked", h.Typeflag)
	}
	return attributes(root, h)
}

func node(root *os.Root, h *tar.Header) error {
	dir, err := root.Open(path.Dir(h.Name))
	if err != nil {
		return err
	}
	defer dir.Close()
	device := unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor))
	return unix.Mknodat(int(dir.Fd()), path.Base(h.Name), statMode(h), int(device))
}

// attributes gives a file the owner (as root), mode and time of its member.
func attributes(root *os.Root, h *tar.Header) error {
	mode := statMode(h)
	if os.Geteuid() == 0 {
		if err := root.Lchown(h.Name, h.Uid, h.Gid); err != nil {
			return err
		}
	} else {
		mode &^= unix.S_ISUID | unix.S_ISGID
	}
	if h.Typeflag == tar.TypeSymlink {
		return nil
	}
	if err := root.Chmod(h.Name, filemode.Go(mode)); err != nil {
		return err
	}
	return root.Chtimes(h.Name, time.Time{}, h.ModTime)
}
