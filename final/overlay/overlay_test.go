package overlay

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOptions(t *testing.T) {
	m := Mount{Lower: []string{"/s/layers/a", "/s/layers/b:c,d"}, Upper: `/u,p\x`, Work: "/w", User: true, Volatile: true}
	got, err := m.options(common(m.Lower))
	want := `lowerdir=b\:c\,d:a,upperdir=/u\,p\\x,workdir=/w,userxattr,volatile`
	if err != nil || got != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
	m.Bottom = "/p:q"
	if got, err := m.options(common(m.Lower)); err != nil || !strings.HasPrefix(got, `lowerdir=b\:c\,d:a:/p\:q,upperdir=`) {
		t.Errorf("with a layer below all: %s, %v", got, err)
	}
	for i := range 200 {
		m.Lower = append(m.Lower, fmt.Sprintf("/s/layers/%064d", i))
	}
	if _, err := m.options(common(m.Lower)); !errors.Is(err, unix.E2BIG) {
		t.Errorf("200 layers gave %v, want E2BIG before the kernel cuts the list short", err)
	}
}

func TestCommon(t *testing.T) {
	for want, paths := range map[string][]string{
		"/a":   {"/a/b", "/a/c"},
		"/":    {"/a/b", "/c/d"},
		"/a/b": {"/a/b/c"},
		"/x":   {"/x/ab/c", "/x/a/c"},
	} {
		if got := common(paths); got != want {
			t.Errorf("common(%v) = %s, want %s", paths, got, want)
		}
	}
}

// The highest layer wins, an opaque directory and a whiteout hide what is below, links lead across layers and never out.
func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	low, high := filepath.Join(dir, "low"), filepath.Join(dir, "high")
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	link := func(target, name string) {
		t.Helper()
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	write("low/etc/passwd", "low")
	write("low/etc/only", "only")
	write("low/opaque/x", "hidden")
	write("low/usr/lib/file", "across")
	write("high/etc/passwd", "high")
	write("high/opaque/y", "y")
	write("high/deleted", "")
	write("low/deleted", "deleted")
	write("high/file", "not a directory")
	write("low/file/below", "hidden")
	write("low/big", strings.Repeat("x", 101))
	write("secret", "outside")
	link("usr/lib", "high/lib")
	link("/lib/file", "high/abs")
	link("../../../secret", "high/out")
	link("../../../../../etc/only", "high/up")
	link("loop", "high/loop")
	if unix.Setxattr(filepath.Join(high, "opaque"), "user.overlay.opaque", []byte("y"), 0) != nil ||
		unix.Setxattr(filepath.Join(high, "deleted"), "user.overlay.whiteout", []byte("y"), 0) != nil {
		t.Log("the temporary directory has no user attributes: opaque directories and whiteouts are not tried")
		os.RemoveAll(filepath.Join(low, "opaque", "x"))
		os.RemoveAll(filepath.Join(low, "deleted"))
		os.RemoveAll(filepath.Join(high, "deleted"))
	}
	for name, want := range map[string]string{
		"/etc/passwd": "high", "etc/only": "only", "/lib/file": "across", "/abs": "across", "/up": "only", "/opaque/y": "y",
		"/opaque/x": "", "/deleted": "", "/file/below": "", "/out": "", "/loop": "", "/big": "", "/etc": "", "/none/x": "",
	} {
		b, err := ReadFile([]string{low, high}, name, 100)
		if string(b) != want || (want == "") != (err != nil) {
			t.Errorf("ReadFile(%s) = %q, %v; want %q", name, b, err, want)
		}
		if real, err := Resolve([]string{low, high}, name); name == "/lib/file" && (real != "/usr/lib/file" || err != nil) {
			t.Errorf("Resolve(%s) = %s, %v; want /usr/lib/file", name, real, err)
		}
		if want == "" && name == "/none/x" && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("ReadFile(%s): %v is not ErrNotExist", name, err)
		}
	}
}
