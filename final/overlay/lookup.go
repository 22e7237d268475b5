package overlay

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxLinks is how many symbolic links a name may go through, as in path_resolution(7).
const maxLinks = 40

// ReadFile reads a file of the merged tree without mounting it: from the highest layer that has it, unless one above hides it.
// Links are followed inside the tree. A file larger than limit bytes is refused. The error of a missing file is [fs.ErrNotExist].
func ReadFile(lower []string, name string, limit int64) ([]byte, error) {
	_, file, info, err := find(lower, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, fmt.Errorf("reading %s in the image: it is no regular file of at most %d bytes", name, limit)
	}
	return os.ReadFile(file)
}

// Resolve is what a name of the merged tree stands for once the links in it are followed there. The error of a name that stands for nothing is [fs.ErrNotExist].
func Resolve(lower []string, name string) (string, error) {
	real, _, _, err := find(lower, name)
	return real, err
}

// find resolves a name one component at a time, because a link in one layer may lead to a directory in another.
func find(lower []string, name string) (real, file string, info fs.FileInfo, err error) {
	missing := &fs.PathError{Op: "find", Path: name, Err: fs.ErrNotExist}
	done, rest := "/", components(name)
	for links := 0; ; {
		if len(rest) == 0 {
			rest = []string{"."}
		}
		here := path.Join(done, rest[0])
		file, info := lookup(lower, here)
		if info == nil {
			return "", "", nil, missing
		}
		rest = rest[1:]
		if info.Mode()&fs.ModeSymlink == 0 {
			done = here
			if len(rest) == 0 {
				return done, file, info, nil
			}
			continue
		}
		if links++; links > maxLinks {
			return "", "", nil, &fs.PathError{Op: "find", Path: name, Err: unix.ELOOP}
		}
		target, err := os.Readlink(file)
		if err != nil {
			return "", "", nil, err
		}
		if path.IsAbs(target) {
			done = "/"
		}
		rest = append(components(target), rest...)
	}
}

func components(name string) []string {
	return slices.DeleteFunc(strings.Split(name, "/"), func(s string) bool { return s == "" || s == "." })
}

// lookup finds one name, whose directories are real ones, in the highest layer that has it and isn't overruled.
func lookup(lower []string, name string) (string, fs.FileInfo) {
	for _, layer := range slices.Backward(lower) {
		file, info, final := inLayer(layer, components(name))
		if info != nil || final {
			return file, info
		}
	}
	return "", nil
}

// inLayer looks in one layer. final says that layers below don't count: a whiteout hides the name, a directory on the way is
// opaque, or something on the way isn't a directory.
func inLayer(layer string, parts []string) (file string, info fs.FileInfo, final bool) {
	file = layer
	info, err := os.Stat(file) // the layer itself may be named through a link
	if err != nil {
		return "", nil, false
	}
	for _, part := range parts {
		if !info.IsDir() {
			return "", nil, true
		}
		final = final || marked(file, "overlay.opaque", "y")
		file = filepath.Join(file, part)
		if info, err = os.Lstat(file); err != nil {
			return "", nil, final
		}
		if whiteout(file, info) {
			return "", nil, true
		}
	}
	return file, info, true
}

// whiteout tells a deleted file's mark: a character device 0:0, or since Linux 6.7 an empty file with an attribute.
func whiteout(file string, info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	if ok && info.Mode()&fs.ModeCharDevice != 0 {
		return st.Rdev == 0
	}
	return ok && info.Mode().IsRegular() && info.Size() == 0 && marked(file, "overlay.whiteout", "")
}

func marked(file, name, value string) bool {
	var b [8]byte
	for _, space := range []string{"trusted.", "user."} {
		if n, err := unix.Lgetxattr(file, space+name, b[:]); err == nil && (value == "" || string(b[:n]) == value) {
			return true
		}
	}
	return false
}
