package layer

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// PackOptions of Pack.
type PackOptions struct {
	// RootOwned gives everything to root, whoever owns it here: what an ordinary user unpacked or built.
	RootOwned bool
	// Kind says how whiteouts and opaque directories are marked in dir, if it is the upper directory of an overlay.
	Kind Kind
}

// Pack writes the directory dir as a layer, an uncompressed tar stream in the order of names: the opposite of Unpack. File
// capabilities and users' extended attributes are kept.
func Pack(w io.Writer, dir string, opts PackOptions) error {
	p := &packer{tar: tar.NewWriter(w), opts: opts, links: map[inode]string{}}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if err := p.add(path, name); err != nil {
			return fmt.Errorf("packing %s: %w", path, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return p.tar.Close()
}

type packer struct {
	tar   *tar.Writer
	opts  PackOptions
	links map[inode]string // files with several names, the first of each
}

type inode struct{ dev, ino uint64 }

func (p *packer) add(path, name string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return err
	}
	if isWhiteout(&st) {
		dir, base := filepath.Split(name)
		return p.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: dir + whiteoutPrefix + base})
	}
	if info.Mode()&os.ModeSocket != 0 {
		return nil // means something to the process that made it only
	}
	h, err := p.header(path, name, info, &st)
	if err != nil {
		return err
	}
	if err := p.tar.WriteHeader(h); err != nil {
		return err
	}
	if info.IsDir() && IsOpaque(path, p.opts.Kind) {
		return p.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: filepath.Join(name, opaqueMarker)})
	}
	if h.Typeflag != tar.TypeReg {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(p.tar, f)
	return err
}

func (p *packer) header(path, name string, info fs.FileInfo, st *unix.Stat_t) (*tar.Header, error) {
	link := ""
	if info.Mode()&os.ModeSymlink != 0 {
		var err error
		if link, err = os.Readlink(path); err != nil {
			return nil, err
		}
	}
	h, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return nil, err
	}
	h.Name = filepath.ToSlash(name)
	h.Uname, h.Gname = "", ""                             // of this machine, they mean nothing in the image
	h.AccessTime, h.ChangeTime = time.Time{}, time.Time{} // would make the same directory another layer each time
	h.Format = tar.FormatPAX
	if p.opts.RootOwned {
		h.Uid, h.Gid = 0, 0
	}
	if info.IsDir() {
		h.Name += "/"
	} else if st.Nlink > 1 {
		id := inode{st.Dev, st.Ino}
		if first, ok := p.links[id]; ok {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
			return h, nil
		}
		p.links[id] = h.Name
	}
	return h, addXattrs(h, path, info)
}

// addXattrs keeps the attributes that Unpack would set.
func addXattrs(h *tar.Header, path string, info fs.FileInfo) error {
	if !info.IsDir() && !info.Mode().IsRegular() {
		return nil
	}
	names := make([]byte, 64<<10) // XATTR_LIST_MAX
	n, err := unix.Llistxattr(path, names)
	if err != nil || n == 0 {
		return ignoreUnsupported(err)
	}
	value := make([]byte, 64<<10) // XATTR_SIZE_MAX
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names[:n]), "\x00"), "\x00") {
		if !kept(name) {
			continue
		}
		n, err := unix.Lgetxattr(path, name, value)
		if err != nil {
			return err
		}
		if h.PAXRecords == nil {
			h.PAXRecords = map[string]string{}
		}
		h.PAXRecords[xattrRecord+name] = string(value[:n])
	}
	return nil
}

func ignoreUnsupported(err error) error {
	if err == unix.EOPNOTSUPP {
		return nil
	}
	return err
}
