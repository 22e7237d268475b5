package grade

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"stave/workbook/exercise"
)

// What is taken of one exercise, at most. The book's steps have less than a tenth of it.
const (
	mostFiles = 100
	mostBytes = 1 << 20 // of all files together
)

// errRefused is wrapped by what is wrong with the files that were handed in.
var errRefused = errors.New("not taken")

// submitted returns the Go files that a student has handed in for an exercise: regular files in the directory of its name, and
// nothing that a link leads to. Without that directory there is fs.ErrNotExist.
func submitted(student *os.Root, id string) (exercise.Files, error) {
	info, err := student.Lstat(id)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is %s, and not a directory: %w", id, kind(info.Mode()), errRefused)
	}
	dir, err := student.OpenFile(id, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	const most = 10 * mostFiles // names of any sort
	entries, err := dir.ReadDir(most)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(entries) == most {
		return nil, fmt.Errorf("there are %d files or more in %s: %w", most, id, errRefused)
	}
	files, total := exercise.Files{}, 0
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		text, err := regular(student, path.Join(id, e.Name()))
		if err != nil {
			return nil, err
		}
		files[e.Name()] = text
		if total += len(text); total > mostBytes || len(files) > mostFiles {
			return nil, fmt.Errorf("the files in %s are more than %d, or more than %d MiB: %w", id, mostFiles, mostBytes>>20, errRefused)
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("there are no Go files in %s: %w", id, errRefused)
	}
	return files, nil
}

// regular reads a file that is neither a link nor a pipe, which a read would wait for. What it is, is asked of the open file.
func regular(root *os.Root, name string) ([]byte, error) {
	info, err := root.Lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is %s, and not a regular file: %w", name, kind(info.Mode()), errRefused)
	}
	if err != nil {
		return nil, err
	}
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is %s, and not a regular file: %w", name, kind(info.Mode()), errRefused)
	}
	return io.ReadAll(io.LimitReader(f, mostBytes+1))
}

func kind(m fs.FileMode) string {
	switch {
	case m&fs.ModeSymlink != 0:
		return "a symbolic link"
	case m.IsDir():
		return "a directory"
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case m&fs.ModeDevice != 0:
		return "a device"
	case m.IsRegular():
		return "a file"
	}
	return "something else"
}
