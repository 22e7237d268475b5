package store

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// workspace is a directory in tmp that belongs to one import, one removal. Its lock says that someone is alive there.
type workspace struct {
	dir  string
	lock *os.File // the directory itself, flocked
}

func (s *Store) workspace() (*workspace, error) {
	for {
		dir, err := os.MkdirTemp(s.path("tmp"), "")
		if err != nil {
			return nil, err
		}
		f, err := os.Open(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue // taken for a leftover and removed, in the moment before it was locked
		}
		if err != nil {
			return nil, err
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
			if _, err := os.Lstat(dir); err == nil {
				return &workspace{dir, f}, nil
			}
		}
		f.Close()
	}
}

func (s *Store) discard(w *workspace) error {
	err := s.opts.RemoveAll(w.dir)
	w.lock.Close()
	return err
}

// removeLeftovers removes the workspaces of processes that are gone.
func (s *Store) removeLeftovers() error {
	entries, err := os.ReadDir(s.path("tmp"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := s.removeLeftover(s.path("tmp", e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) removeLeftover(dir string) error {
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return nil // alive
	}
	return s.opts.RemoveAll(dir)
}
