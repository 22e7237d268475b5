package layer_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"stave/final/image/layer"
	"stave/internal/script"
)

// entry is one entry of an archive under test.
type entry struct {
	tar.Header
	content string
}

func file(name, content string) entry {
	return entry{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content))}, content}
}

func dir(name string) entry {
	return entry{tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755}, ""}
}

func symlink(name, target string) entry {
	return entry{tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}, ""}
}

func hardlink(name, target string) entry {
	return entry{tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target, Mode: 0o644}, ""}
}

func node(kind byte, name string, major, minor int64) entry {
	return entry{tar.Header{Typeflag: kind, Name: name, Mode: 0o600, Devmajor: major, Devminor: minor}, ""}
}

func (e entry) mode(mode int64) entry {
	e.Mode = mode
	return e
}

func (e entry) pax(key, value string) entry {
	e.PAXRecords, e.Format = map[string]string{key: value}, tar.FormatPAX
	return e
}

func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		if err := w.WriteHeader(&e.Header); err != nil {
			t.Fatalf("writing the archive, entry %.50q: %v", e.Name, err)
		}
		if _, err := w.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// place is a layer's directory beside something that no archive may touch.
type place struct {
	layer   string
	outside string
	before  []string
}

func newPlace(t testing.TB) *place {
	t.Helper()
	base := t.TempDir()
	p := &place{layer: filepath.Join(base, "layer"), outside: filepath.Join(base, "outside")}
	for _, d := range []string{p.layer, p.outside, filepath.Join(p.outside, "dir")} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(p.outside, "victim"), []byte("untouched"), 0o644); err != nil {
		t.Fatal(err)
	}
	p.before = tree(t, base, layer.Root)
	t.Cleanup(func() { // before TempDir's, which can't remove what only its owner could make writable
		if err := layer.Remove(p.layer); err != nil {
			t.Error(err)
		}
	})
	return p
}

// check says whether anything outside the layer has changed.
func (p *place) check(t testing.TB) {
	t.Helper()
	var after []string
	for _, line := range tree(t, filepath.Dir(p.layer), layer.Root) {
		if !strings.HasPrefix(line, "layer/") {
			after = append(after, line)
		}
	}
	before := slices.DeleteFunc(slices.Clone(p.before), func(line string) bool { return strings.HasPrefix(line, "layer/") })
	if strip(after) != strip(before) {
		t.Errorf("outside the layer, before:\n%s\nafter:\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
}

// strip leaves out the layer's own line, whose mode may change.
func strip(lines []string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return strings.HasPrefix(l, "layer ") }), "\n")
}

// tree lists a directory, one line an entry: name, mode, and what it is.
func tree(t testing.TB, dir string, kind layer.Kind) []string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		if name != "." {
			lines = append(lines, name+" "+describe(t, path, kind))
		} else if layer.IsOpaque(path, kind) {
			lines = append(lines, ". opaque")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func describe(t testing.TB, path string, kind layer.Kind) string {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		t.Fatal(err)
	}
	mode := fmt.Sprintf("%04o", st.Mode&0o7777)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		if layer.IsOpaque(path, kind) {
			return mode + " opaque dir"
		}
		return mode + " dir"
	case unix.S_IFLNK:
		target, _ := os.Readlink(path)
		return "-> " + target
	case unix.S_IFREG:
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(content) > 100 {
			return fmt.Sprintf("%s %d bytes", mode, len(content))
		}
		return fmt.Sprintf("%s %q", mode, content)
	case unix.S_IFIFO:
		return mode + " fifo"
	case unix.S_IFCHR:
		if st.Rdev == 0 {
			return "whiteout"
		}
		return fmt.Sprintf("%s char %d:%d", mode, unix.Major(st.Rdev), unix.Minor(st.Rdev))
	}
	return fmt.Sprintf("%s block %d:%d", mode, unix.Major(st.Rdev), unix.Minor(st.Rdev))
}

// kinds are those that this process can try.
func kinds() []layer.Kind {
	if os.Geteuid() == 0 && layer.Here() == layer.Root {
		return []layer.Kind{layer.Root, layer.Mapped, layer.Single}
	}
	return []layer.Kind{layer.Single}
}

func unpack(t testing.TB, p *place, kind layer.Kind, data []byte) (layer.Result, error) {
	t.Helper()
	return layer.Unpack(context.Background(), bytes.NewReader(data), p.layer, layer.Options{Kind: kind})
}

func TestMain(m *testing.M) { script.Main(m, nil) }
