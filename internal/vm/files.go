package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// copyFile copies a regular file with its mode, setuid bit and all: newuidmap lives by it.
func copyFile(from, to string, mode fs.FileMode) error {
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	w, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, r); err != nil {
		w.Close()
		return err
	}
	if err := w.Chmod(mode); err != nil {
		w.Close()
		return err
	}
	return w.Close()
}

func symlink(root, link, target string) error {
	link = filepath.Join(root, link)
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return err
	}
	if old, err := os.Readlink(link); err == nil && old == target {
		return nil
	}
	return os.Symlink(target, link)
}

func writeFile(root, name, content string, mode fs.FileMode) error {
	name = filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(name, []byte(content), mode); err != nil {
		return err
	}
	return os.Chmod(name, mode)
}
