package layer_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"stave/final/image/layer"
	"stave/internal/script"
)

// Archives that are unusual but right: what must come out.
func TestUnpack(t *testing.T) {
	tests := []struct {
		name    string
		entries []entry
		want    []string // in the order of names
	}{
		{"empty", nil, nil},
		{"ordinary", []entry{dir("./"), dir("./a/"), file("./a/b", "hello"), symlink("./a/c", "b"), hardlink("./a/d", "./a/b")},
			[]string{"a 0755 dir", `a/b 0644 "hello"`, "a/c -> b", `a/d 0644 "hello"`}},
		{"no entries for parents", []entry{file("a/b/c", "x")}, []string{"a 0755 dir", "a/b 0755 dir", `a/b/c 0644 "x"`}},
		{"a parent's entry after its content", []entry{file("a/b", "x"), dir("a").mode(0o700)}, []string{"a 0700 dir", `a/b 0644 "x"`}},
		{"a directory nobody may write to", []entry{dir("a").mode(0o555), file("a/b", "x")}, []string{"a 0555 dir", `a/b 0644 "x"`}},
		{"setuid, setgid, sticky", []entry{file("su", "x").mode(0o4755), file("sg", "x").mode(0o2755), dir("tmp").mode(0o1777)},
			[]string{`sg 2755 "x"`, `su 4755 "x"`, "tmp 1777 dir"}},
		{"fifo", []entry{node(tar.TypeFifo, "p", 0, 0)}, []string{"p 0600 fifo"}},
		{"twice the same file", []entry{file("a", "old"), file("a", "new")}, []string{`a 0644 "new"`}},
		{"a file instead of a directory", []entry{file("a/b/c", "x"), file("a", "y")}, []string{`a 0644 "y"`}},
		{"a directory instead of a file", []entry{file("a", "y"), dir("a"), file("a/b", "x")}, []string{"a 0755 dir", `a/b 0644 "x"`}},
		{"a link to itself", []entry{file("a", "x"), hardlink("a", "./a")}, []string{`a 0644 "x"`}},
		{"a hard link to a symbolic link", []entry{symlink("a", "/etc/passwd"), hardlink("b", "a")}, []string{"a -> /etc/passwd", "b -> /etc/passwd"}},
		{"a name of 255 bytes", []entry{file(strings.Repeat("n", 255), "x")}, []string{strings.Repeat("n", 255) + ` 0644 "x"`}},
		{"GNU long names", []entry{{tar.Header{Typeflag: tar.TypeReg, Name: strings.Repeat("d/", 60) + "f", Format: tar.FormatGNU, Mode: 0o644}, ""}}, nil},
		{"notes of AUFS", []entry{file(".wh..wh.aufs", ""), dir(".wh..wh.plnk"), file(".wh..wh.plnk/1.2", "x"), dir(".wh..wh.orph/")}, nil},
		{"global header", []entry{{tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "pax_global_header", PAXRecords: map[string]string{"comment": "x"}}, ""}, file("a", "")},
			[]string{`a 0644 ""`}},
	}
	for _, test := range tests {
		for _, kind := range kinds() {
			t.Run(test.name+kind.Suffix(), func(t *testing.T) {
				p := newPlace(t)
				if _, err := unpack(t, p, kind, archive(t, test.entries...)); err != nil {
					t.Fatal(err)
				}
				if test.name == "GNU long names" {
					if _, err := os.Stat(filepath.Join(p.layer, test.entries[0].Name)); err != nil {
						t.Error(err)
					}
					return
				}
				if got, want := strings.Join(tree(t, p.layer, kind), "\n"), strings.Join(test.want, "\n"); got != want {
					t.Errorf("got:\n%s\nwant:\n%s", got, want)
				}
				p.check(t)
			})
		}
	}
}

func TestAttributes(t *testing.T) {
	when := time.Date(2001, 2, 3, 4, 5, 6, 789, time.UTC)
	set := func(e entry) entry {
		e.ModTime, e.Format, e.Uid, e.Gid = when, tar.FormatPAX, 1234, 5678
		return e
	}
	data := archive(t, set(dir("./")), set(dir("d")), set(file("d/f", "x").mode(0o4711)), set(symlink("d/s", "nowhere")),
		file("attr", "").pax("SCHILY.xattr.user.note", "yes"), file("forged", "").pax("SCHILY.xattr.user.overlay.opaque", "y"),
		file("label", "").pax("SCHILY.xattr.security.selinux", "x"))
	for _, kind := range kinds() {
		t.Run("kind"+kind.Suffix(), func(t *testing.T) {
			p := newPlace(t)
			if _, err := unpack(t, p, kind, data); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{".", "d", "d/f", "d/s"} {
				var st unix.Stat_t
				if err := unix.Lstat(filepath.Join(p.layer, name), &st); err != nil {
					t.Fatal(err)
				}
				if got := time.Unix(st.Mtim.Unix()); !got.Equal(when) {
					t.Errorf("%s: modified %v, want %v", name, got, when)
				}
				uid, gid := uint32(1234), uint32(5678)
				if kind == layer.Single {
					uid, gid = uint32(os.Geteuid()), uint32(os.Getegid())
				}
				if st.Uid != uid || st.Gid != gid {
					t.Errorf("%s: owner %d:%d, want %d:%d", name, st.Uid, st.Gid, uid, gid)
				}
				if name == "d/f" && st.Mode&0o7777 != 0o4711 {
					t.Errorf("%s: mode %o, the owner's change must not take setuid away", name, st.Mode)
				}
			}
			xattr(t, p, "attr", "user.note", "yes")
			xattr(t, p, "forged", "user.overlay.opaque", "")
			xattr(t, p, "label", "security.selinux", "")
		})
	}
}

func xattr(t *testing.T, p *place, name, key, want string) {
	t.Helper()
	value := make([]byte, 100)
	n, err := unix.Lgetxattr(filepath.Join(p.layer, name), key, value)
	if err == unix.EOPNOTSUPP {
		script.Skip(t, "user-xattrs", "the file system of the temporary directory keeps no extended attributes of users (tmpfs before Linux 6.6)")
	}
	if got := string(value[:max(n, 0)]); got != want {
		t.Errorf("%s has %s=%q (%v), want %q", name, key, got, err, want)
	}
}

func TestDevices(t *testing.T) {
	data := archive(t, node(tar.TypeChar, "null", 1, 3), node(tar.TypeBlock, "disk", 7, 300))
	for _, kind := range kinds() {
		t.Run("kind"+kind.Suffix(), func(t *testing.T) {
			p := newPlace(t)
			if _, err := unpack(t, p, kind, data); err != nil {
				t.Fatal(err)
			}
			want := ""
			if kind == layer.Root {
				want = "disk 0600 block 7:300\nnull 0600 char 1:3"
			}
			if got := strings.Join(tree(t, p.layer, kind), "\n"); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestCapabilities(t *testing.T) {
	// struct vfs_cap_data of capabilities(7), version 2, cap_net_raw=ep
	value := "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	e := file("ping", "x").pax("SCHILY.xattr.security.capability", value)
	e.Uid = 7 // a change of owner takes capabilities away, so they must come after it
	for _, kind := range kinds() {
		p := newPlace(t)
		if _, err := unpack(t, p, kind, archive(t, e)); err != nil {
			t.Fatal(err)
		}
		want := value
		if kind == layer.Single { // who could give nothing but what is void
			want = ""
		}
		xattr(t, p, "ping", "security.capability", want)
	}
}

func TestCompression(t *testing.T) {
	plain := archive(t, file("a", strings.Repeat("stave ", 1<<20)))
	diffID := digest.FromBytes(plain)
	forms := map[string]func(io.Writer) io.WriteCloser{
		"gzip": func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"zstd": func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z },
	}
	streams := map[string][]byte{"plain": plain}
	for name, form := range forms {
		var b bytes.Buffer
		w := form(&b)
		w.Write(plain)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		streams[name] = b.Bytes()
	}
	var members bytes.Buffer // as pigz and estargz write it
	for half := range 2 {
		w := gzip.NewWriter(&members)
		w.Write(plain[half*len(plain)/2 : (half+1)*len(plain)/2])
		w.Close()
	}
	streams["gzip in two members"] = members.Bytes()
	for name, stream := range streams {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			got, err := layer.Unpack(context.Background(), bytes.NewReader(stream), p.layer, layer.Options{Kind: kinds()[0], DiffID: diffID})
			if err != nil {
				t.Fatal(err)
			}
			if want := (layer.Result{DiffID: diffID, Size: int64(len(plain)), Entries: 1}); got != want {
				t.Errorf("got %v, want %v", got, want)
			}
			for cut := range 5 {
				p := newPlace(t)
				if _, err := unpack(t, p, kinds()[0], stream[:cut*len(stream)/5]); err == nil && cut > 0 {
					t.Errorf("no error from a stream cut off after %d fifths", cut)
				}
			}
		})
	}
}

func TestDiffID(t *testing.T) {
	for _, algorithm := range []digest.Algorithm{digest.SHA256, digest.SHA512} {
		// What follows the archive's end is part of the layer.
		data := append(archive(t, file("a", "x")), bytes.Repeat([]byte{0}, 10000)...)
		opts := layer.Options{Kind: kinds()[0], DiffID: algorithm.FromBytes(data)}
		if _, err := layer.Unpack(context.Background(), bytes.NewReader(data), newPlace(t).layer, opts); err != nil {
			t.Errorf("%s: %v", algorithm, err)
		}
		data[len(data)-1] = 1
		if _, err := layer.Unpack(context.Background(), bytes.NewReader(data), newPlace(t).layer, opts); !errors.Is(err, layer.ErrDigest) {
			t.Errorf("%s: a changed last byte: got %v", algorithm, err)
		}
	}
}

func TestSparse(t *testing.T) {
	content := strings.Repeat("\x00", 1<<20) + "end"
	p := newPlace(t)
	if _, err := unpack(t, p, kinds()[0], archive(t, file("hole", content), file("zeros", content[:1<<20]))); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int64{"hole": 1<<20 + 3, "zeros": 1 << 20} {
		var st unix.Stat_t
		if err := unix.Stat(filepath.Join(p.layer, name), &st); err != nil {
			t.Fatal(err)
		}
		if st.Size != size || st.Blocks*512 > size/2 {
			t.Errorf("%s: %d bytes in %d blocks, want %d bytes and fewer blocks", name, st.Size, st.Blocks, size)
		}
		got, _ := os.ReadFile(filepath.Join(p.layer, name))
		if string(got) != content[:size] {
			t.Errorf("%s: another content came out", name)
		}
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := layer.Unpack(ctx, bytes.NewReader(archive(t, file("a", "x"))), newPlace(t).layer, layer.Options{Kind: kinds()[0]})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestRemoveDeep(t *testing.T) {
	p := newPlace(t)
	// Each round goes 200 directories down and leaves a link at the root to begin the next from.
	var entries []entry
	name := "d"
	for i := range 5 {
		down := name + strings.Repeat("/d", 200)
		entries = append(entries, dir(down), file(down+"/.deep-1", ""), symlink(fmt.Sprint("l", i), down))
		name = fmt.Sprint("l", i)
	}
	if _, err := unpack(t, p, kinds()[0], archive(t, entries...)); err != nil {
		t.Fatal(err)
	}
	if err := layer.Remove(p.layer); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(p.layer); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the layer is still there: %v", err)
	}
}

func TestRemoveUnwritable(t *testing.T) {
	p := newPlace(t)
	entries := []entry{dir("a").mode(0), dir("b").mode(0o400), file("b/f", ""), dir("c").mode(0o555), dir("c/d"), file("c/d/e", ""), symlink("out", p.outside)}
	if _, err := unpack(t, p, layer.Single, archive(t, entries...)); err != nil {
		t.Fatal(err)
	}
	if err := layer.Remove(p.layer); err != nil {
		t.Error(err)
	}
	if err := layer.Remove(p.layer); err != nil {
		t.Errorf("removing what isn't there: %v", err)
	}
	p.check(t)
}
