package plan

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestReadFile(t *testing.T) {
	for _, size := range []int{0, 1, 1023, 1024, 1025, 100_000} {
		name := filepath.Join(t.TempDir(), "file")
		want := bytes.Repeat([]byte("0123456"), size)[:size]
		if err := os.WriteFile(name, want, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadFile(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("of %d bytes it gave %d, %v", size, len(got), err)
		}
	}
	_, err := ReadFile("/no/such/file")
	_, want := os.ReadFile("/no/such/file")
	if !errors.Is(err, fs.ErrNotExist) || err.Error() != want.Error() {
		t.Errorf("of a file that isn't there: %v, want %v", err, want)
	}
	if _, err := ReadFile("/"); !errors.Is(err, unix.EISDIR) {
		t.Errorf("of a directory: %v", err)
	}
}
