// Package fake is a small repository for tests: two steps that do nothing for containers and compile quickly, with
// exercises, and a book of three pages.
package fake

import (
	_ "embed"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/txtar"
)

//go:embed repository.txtar
var repository []byte

// Write writes the repository's files below dir.
func Write(dir string) error {
	for _, file := range txtar.Parse(repository).Files {
		path := filepath.Join(dir, file.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, file.Data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
