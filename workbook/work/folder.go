package work

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"stave/workbook/exercise"
)

const top = "work"

// Folder is the learner's folder in one clone of the repository.
type Folder struct {
	root  *os.Root // of the clone: nothing outside it is ever touched, whatever links there are
	path  string
	warn  io.Writer
	owner int // who owns the clone
	group int
}

// ErrStarted is returned, wrapped, for an exercise that has a copy already.
var ErrStarted = errors.New("you have started this already")

// Open opens the folder of the clone at path. It need not exist yet. What the learner should know besides is written to
// warn.
func Open(path string, warn io.Writer) (*Folder, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	f := &Folder{root: root, path: path, warn: warn, owner: -1, group: -1}
	if info, err := root.Stat("."); err == nil {
		stat := info.Sys().(*syscall.Stat_t)
		f.owner, f.group = int(stat.Uid), int(stat.Gid)
	}
	return f, nil
}

// Close closes the folder.
func (f *Folder) Close() error { return f.root.Close() }

// Dir is an exercise's copy, from the repository's top.
func Dir(id string) string { return path.Join(top, id) }

// Started reports whether an exercise has a copy.
func (f *Folder) Started(id string) bool {
	_, err := f.root.Stat(Dir(id))
	return err == nil
}

// Files are the Go files of an exercise's copy, without tests.
func (f *Folder) Files(id string) (exercise.Files, error) {
	return exercise.ReadFiles(filepath.Join(f.path, Dir(id)))
}

// Start makes the copy of an exercise from these files.
func (f *Folder) Start(id string, files exercise.Files) error {
	if f.Started(id) {
		return fmt.Errorf("%s: %w", Dir(id), ErrStarted)
	}
	if err := f.make(); err != nil {
		return err
	}
	partial := path.Join(top, fmt.Sprintf(".%s.partial-%d", id, os.Getpid()))
	if err := f.root.Mkdir(partial, 0o755); err != nil {
		return f.explain(err)
	}
	defer f.root.RemoveAll(partial) // after the rename there is nothing left to remove
	for _, name := range files.Names() {
		if err := f.write(path.Join(partial, name), files[name]); err != nil {
			return f.explain(err)
		}
	}
	f.give(partial)
	return f.explain(f.root.Rename(partial, Dir(id)))
}

// SetAside renames an exercise's copy, and returns its new name from the repository's top.
func (f *Folder) SetAside(id string) (string, error) {
	aside, err := f.aside(Dir(id), "before")
	if err != nil {
		return "", err
	}
	return aside, f.explain(f.root.Rename(Dir(id), aside))
}

// aside is a name beside another that nothing has yet.
func (f *Folder) aside(name, why string) (string, error) {
	const enough = 100
	stem := fmt.Sprintf("%s.%s-%s", name, why, time.Now().Format("20060102-150405"))
	for i := range enough {
		aside := stem
		if i > 0 {
			aside = fmt.Sprintf("%s-%d", stem, i+1)
		}
		if _, err := f.root.Lstat(aside); errors.Is(err, fs.ErrNotExist) {
			return aside, nil
		}
	}
	return "", fmt.Errorf("%s and many like it are there already: remove those you don't need", stem)
}

// make makes the folder itself.
func (f *Folder) make() error {
	err := f.root.Mkdir(top, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		f.give(top)
	}
	return f.explain(err)
}

func (f *Folder) write(name string, text []byte) error {
	file, err := f.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync() // or a crash could leave the name without the text
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	f.give(name)
	return nil
}

// give lets the clone's owner have a file: with sudo everything would be root's, and its owner's editor couldn't save it.
// Where that isn't possible, as on some network file systems, it stays ours.
func (f *Folder) give(name string) {
	if os.Geteuid() == 0 && f.owner > 0 {
		_ = f.root.Lchown(name, f.owner, f.group)
	}
}

// explain says what to do where the folder can't be written to.
func (f *Folder) explain(err error) error {
	if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, unix.EROFS) {
		return err
	}
	for _, name := range []string{top, "."} {
		info, statErr := f.root.Stat(name)
		if statErr != nil {
			continue
		}
		owner := int(info.Sys().(*syscall.Stat_t).Uid)
		return fmt.Errorf("%w: %s", err, advice(filepath.Join(f.path, name), name == top, owner, os.Geteuid()))
	}
	return err
}

// advice is for a person who may not write to a directory of that owner: the learner's folder, or the clone.
func advice(dir string, isFolder bool, owner, person int) string {
	switch {
	case owner == person:
		return "let its owner, who you are, write to " + dir
	case owner == 0 && isFolder:
		return fmt.Sprintf("%s is root's, because you began as root: go on as root, or make it yours with: sudo chown -R %d %s", dir, person, dir)
	}
	return fmt.Sprintf("%s belongs to another user: make a clone of your own, and work in that", dir)
}
