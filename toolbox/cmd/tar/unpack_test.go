package tar

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"stave/toolbox/cmdline"
)

// pack makes an archive of members with the given headers; a regular file's content is its name.
func pack(t testing.TB, headers ...*tar.Header) []byte {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, h := range headers {
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(h.Name))
		}
		if h.Mode == 0 {
			h.Mode = 0o755
		}
		h.Uid, h.Gid = os.Getuid(), os.Getgid()
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := w.Write([]byte(h.Name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

// extract unpacks into outside/inside, and returns the files that are in outside by then but for inside itself.
func extract(t testing.TB, archive []byte) (status int, strays []string) {
	t.Helper()
	outside := t.TempDir()
	inside := filepath.Join(outside, "inside")
	if err := os.Mkdir(inside, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(outside, "kept"), []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := &archiver{line: cmdline.New("tar"), dir: inside}
	a.line.Stderr = &bytes.Buffer{}
	if err := a.extract(bytes.NewReader(archive)); err != nil {
		a.status = 1
	}
	err := filepath.WalkDir(outside, func(path string, entry fs.DirEntry, err error) error {
		if path == inside {
			return fs.SkipDir
		}
		if path != outside && entry.Name() != "kept" {
			strays = append(strays, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := os.ReadFile(filepath.Join(outside, "kept")); err != nil || string(kept) != "kept" {
		t.Errorf("the file outside is now %q, %v", kept, err)
	}
	if info, err := os.Stat(filepath.Join(outside, "kept")); err != nil || info.Mode() != 0o600 {
		t.Errorf("the file outside now has mode %v, %v", info.Mode(), err)
	}
	return a.status, strays
}

// TestNothingOutside: an archive can name what it likes, and link to where it likes.
func TestNothingOutside(t *testing.T) {
	file := func(name string) *tar.Header { return &tar.Header{Typeflag: tar.TypeReg, Name: name} }
	link := func(name, target string) *tar.Header {
		return &tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target}
	}
	hard := func(name, target string) *tar.Header {
		return &tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target}
	}
	for name, headers := range map[string][]*tar.Header{
		"dot-dot":                      {file("../stray")},
		"dot-dot in the middle":        {file("a/../../stray")},
		"file through a link":          {link("out", ".."), file("out/stray")},
		"file through absolute link":   {link("out", "/tmp"), file("out/stave-stray")},
		"link to a link":               {link("a", ".."), link("b", "a"), file("b/stray")},
		"file over a link":             {link("out", "../kept"), file("out")},
		"hard link to outside":         {hard("out", "../kept"), file("out")},
		"hard link through a link":     {link("up", ".."), hard("out", "up/kept"), file("out")},
		"directory through a link":     {link("out", ".."), {Typeflag: tar.TypeDir, Name: "out/stray"}},
		"directory's mode over a link": {{Typeflag: tar.TypeDir, Name: "d"}, link("d", "../kept")},
	} {
		t.Run(name, func(t *testing.T) {
			if _, strays := extract(t, pack(t, headers...)); len(strays) > 0 {
				t.Errorf("it wrote %q", strays)
			}
		})
	}
	if _, err := os.Stat("/tmp/stave-stray"); err == nil {
		os.Remove("/tmp/stave-stray")
		t.Error("it wrote into /tmp")
	}
}

// TestAbsoluteNamesAreTakenFromHere, as elsewhere.
func TestAbsoluteNamesAreTakenFromHere(t *testing.T) {
	status, strays := extract(t, pack(t, &tar.Header{Typeflag: tar.TypeReg, Name: "/etc/file"}))
	if status != 0 || len(strays) > 0 {
		t.Errorf("status %d, strays %q", status, strays)
	}
}

// claimed is how much an archive says is in it: a sparse file takes no room there, and all of it when unpacked.
func claimed(archive []byte) int64 {
	var sum int64
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if err != nil || sum > 1<<20 {
			return sum
		}
		sum += h.Size
	}
}

func FuzzExtract(f *testing.F) {
	f.Add(pack(f, &tar.Header{Typeflag: tar.TypeSymlink, Name: "a", Linkname: ".."}, &tar.Header{Typeflag: tar.TypeReg, Name: "a/b"}))
	f.Add(pack(f, &tar.Header{Typeflag: tar.TypeDir, Name: "d"}, &tar.Header{Typeflag: tar.TypeFifo, Name: "d/p"}))
	f.Fuzz(func(t *testing.T, archive []byte) {
		if claimed(archive) > 1<<20 {
			return // it would take too much room
		}
		if _, strays := extract(t, archive); len(strays) > 0 {
			t.Errorf("it wrote %q", strays)
		}
	})
}
