package tar

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// pack writes the wanted files into an archive. One that can't be read is reported and left out.
func (a *archiver) pack(out io.Writer) error {
	archive := tar.NewWriter(out)
	links := map[inode]string{}
	for _, name := range a.wanted {
		top := name
		if !filepath.IsAbs(name) {
			top = filepath.Join(a.dir, name)
		}
		err := filepath.WalkDir(top, func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				a.status = a.line.Fail(err)
				return nil
			}
			relative, err := filepath.Rel(top, path)
			if err != nil {
				return err
			}
			member := strings.TrimLeft(filepath.Join(name, relative), "/")
			if strings.HasPrefix(name, "./") || name == "." {
				member = "./" + strings.TrimPrefix(member, ".")
			}
			return a.member(archive, path, member, links)
		})
		if err != nil {
			return err
		}
	}
	return archive.Close()
}

type inode struct{ device, number uint64 }

// member writes one file. A second name of a file (hard link) is written as that.
func (a *archiver) member(archive *tar.Writer, path, name string, links map[inode]string) error {
	info, err := os.Lstat(path)
	if err != nil {
		a.status = a.line.Fail(err)
		return nil
	}
	if info.Mode()&fs.ModeSocket != 0 {
		a.status = a.line.Failf("%s: a socket can't be packed", path)
		return nil
	}
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if target, err = os.Readlink(path); err != nil {
			a.status = a.line.Fail(err)
			return nil
		}
	}
	header, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}
	header.Name = name
	if info.IsDir() {
		header.Name = strings.TrimSuffix(name, "/") + "/"
	}
	var stat unix.Stat_t
	if err := unix.Lstat(path, &stat); err == nil && stat.Nlink > 1 && info.Mode().IsRegular() {
		id := inode{uint64(stat.Dev), stat.Ino}
		if first, ok := links[id]; ok {
			header.Typeflag, header.Linkname, header.Size = tar.TypeLink, first, 0
		} else {
			links[id] = header.Name
		}
	}
	if a.verbose {
		fmt.Fprintln(os.Stderr, header.Name)
	}
	if header.Typeflag != tar.TypeReg {
		return archive.WriteHeader(header)
	}
	file, err := os.Open(path)
	if err != nil {
		a.status = a.line.Fail(err)
		return nil
	}
	defer file.Close()
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	return fill(archive, file, path, header.Size)
}

// fill writes the file's content, as much as was promised: a file that has grown is cut, one that has shrunk gets
// zeros, or the archive would be of no use.
func fill(archive io.Writer, file io.Reader, path string, size int64) error {
	n, err := io.CopyN(archive, file, size)
	if err == nil {
		return nil
	}
	if !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: %w", path, err)
	}
	_, err = io.CopyN(archive, zeros{}, size-n)
	return err
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
