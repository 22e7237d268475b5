package layer

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"math"
	"path"

	"golang.org/x/sys/unix"
)

// directory unpacks a directory entry. One that is there already, of its own or for what is in it, gets new attributes.
func (u *unpacker) directory(name string, h *tar.Header) error {
	dirfd, base, err := u.tree.parent(name)
	if err != nil {
		return err
	}
	if name != "." {
		if err := u.tree.mkdir(dirfd, base, true); err != nil {
			return err
		}
	}
	u.dirs = append(u.dirs, directory{name: name, mode: mode(h), times: times(h)})
	if err := u.chown(dirfd, base, h); err != nil {
		return err
	}
	fd, err := unix.Openat(dirfd, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return u.xattrs(fd, h)
}

// node unpacks everything that is not a directory.
func (u *unpacker) node(name string, h *tar.Header, content io.Reader) error {
	dirfd, base, err := u.tree.parent(name)
	if err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont:
		return u.file(dirfd, base, h, content)
	case tar.TypeLink:
		return u.link(name, dirfd, base, h)
	case tar.TypeSymlink:
		if len(h.Linkname) > u.limits.Name {
			return fmt.Errorf("%w: a symbolic link of %d bytes", ErrLimit, len(h.Linkname))
		}
		err = u.tree.put(dirfd, base, func() error { return unix.Symlinkat(h.Linkname, dirfd, base) })
	case tar.TypeFifo:
		err = u.tree.put(dirfd, base, func() error { return unix.Mknodat(dirfd, base, unix.S_IFIFO|0o600, 0) })
	case tar.TypeChar, tar.TypeBlock:
		number, err := device(h)
		if err != nil || u.kind != Root {
			return err
		}
		if err := u.tree.put(dirfd, base, func() error { return unix.Mknodat(dirfd, base, format(h)|0o600, number) }); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%w: an entry of type %q", ErrUnsafe, h.Typeflag)
	}
	if err != nil {
		return err
	}
	return u.attributes(dirfd, base, h)
}

// file writes a regular file through a descriptor that was opened O_EXCL: never into something that was there.
func (u *unpacker) file(dirfd int, base string, h *tar.Header, content io.Reader) error {
	var fd int
	err := u.tree.put(dirfd, base, func() (err error) {
		fd, err = unix.Openat(dirfd, base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
		return err
	})
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := u.write(fd, content); err != nil {
		return err
	}
	// The owner first: a change of owner takes the setuid bit and the capabilities away.
	if err := u.chown(dirfd, base, h); err != nil {
		return err
	}
	if err := u.xattrs(fd, h); err != nil {
		return err
	}
	if err := unix.Fchmod(fd, mode(h)); err != nil {
		return err
	}
	return unix.UtimesNanoAt(dirfd, base, times(h), unix.AT_SYMLINK_NOFOLLOW)
}

// blockSize is how much of a file is written at once, or left out as a hole.
const blockSize = 128 << 10

var zeros [blockSize]byte

// write copies content, leaving holes where a whole block is zero.
func (u *unpacker) write(fd int, content io.Reader) error {
	var size, written int64
	for {
		n, err := io.ReadFull(content, u.buffer)
		if over := u.content.add(n); over != nil {
			return over
		}
		if n > 0 && !bytes.Equal(u.buffer[:n], zeros[:]) {
			if err := pwrite(fd, u.buffer[:n], size); err != nil {
				return err
			}
			written = size + int64(n)
		}
		size += int64(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			break
		}
		if err == nil {
			err = u.ctx.Err()
		}
		if err != nil {
			return err
		}
	}
	if size > written {
		return unix.Ftruncate(fd, size)
	}
	return nil
}

func pwrite(fd int, b []byte, at int64) error {
	for len(b) > 0 {
		n, err := unix.Pwrite(fd, b, at)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		b, at = b[n:], at+int64(n)
	}
	return nil
}

// link makes a hard link to something that this layer has already.
func (u *unpacker) link(name string, dirfd int, base string, h *tar.Header) error {
	target, err := u.clean(h.Linkname)
	if err != nil {
		return fmt.Errorf("hard link to %q: %w", shorten(h.Linkname), err)
	}
	if target == name {
		return nil
	}
	dir, targetBase := path.Split(target)
	targetDir, err := u.tree.resolve(path.Clean(dir))
	if err != nil {
		return fmt.Errorf("hard link to %q: %w", target, err)
	}
	defer unix.Close(targetDir)
	var st, old unix.Stat_t
	if err = unix.Fstatat(targetDir, targetBase, &st, unix.AT_SYMLINK_NOFOLLOW); err == nil && isWhiteout(&st) {
		err = unix.ENOENT
	}
	if err != nil {
		return fmt.Errorf("hard link to %q: %w", target, err)
	}
	if err := unix.Fstatat(dirfd, base, &old, unix.AT_SYMLINK_NOFOLLOW); err == nil && old.Ino == st.Ino {
		return nil // by another way the same name, or linked before
	}
	err = u.tree.put(dirfd, base, func() error { return unix.Linkat(targetDir, targetBase, dirfd, base, 0) })
	if err != nil {
		return fmt.Errorf("hard link to %q: %w", target, err)
	}
	return nil
}

// device checks the number of a device node. Root makes the node, as Docker does: what may be opened is for the devices
// cgroup to say.
func device(h *tar.Header) (number int, err error) {
	if h.Devmajor < 0 || h.Devmajor > math.MaxUint32 || h.Devminor < 0 || h.Devminor > math.MaxUint32 {
		return 0, fmt.Errorf("%w: device %d:%d", ErrUnsafe, h.Devmajor, h.Devminor)
	}
	number = int(unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor)))
	if h.Typeflag == tar.TypeChar && number == 0 {
		return 0, fmt.Errorf("%w: device 0:0 is overlayfs's whiteout", ErrUnsafe)
	}
	return number, nil
}

func format(h *tar.Header) uint32 {
	if h.Typeflag == tar.TypeBlock {
		return unix.S_IFBLK
	}
	return unix.S_IFCHR
}
