package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// skipFiles get the records of skipped checks, one file for each environment inside: root-v2 and user-v2. The zero value
// keeps none.
type skipFiles struct {
	files map[string]*os.File // by user
	err   error
}

func openSkips(dir string) (*skipFiles, error) {
	s := &skipFiles{files: make(map[string]*os.File)}
	if dir == "" {
		return s, nil
	}
	for _, user := range []string{"root", "user"} {
		f, err := os.Create(filepath.Join(dir, user+"-v2"))
		if err != nil {
			return s, errors.Join(err, s.close())
		}
		s.files[user] = f
	}
	return s, nil
}

func (s *skipFiles) add(user, record string) {
	if f := s.files[user]; f != nil {
		_, err := fmt.Fprintln(f, record)
		s.err = errors.Join(s.err, err)
	}
}

func (s *skipFiles) close() error {
	for _, f := range s.files {
		s.err = errors.Join(s.err, f.Close())
	}
	return s.err
}
