package main

import (
	"io/fs"
	"os"
	"path/filepath"
)

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
