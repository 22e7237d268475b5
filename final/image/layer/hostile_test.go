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
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/zstd"

	"stave/final/image/layer"
)

// Archives made to get out, or to fool overlayfs. Each either fails or does its work inside the layer; nothing outside
// changes in any case. OUT stands for a directory outside.
func TestHostile(t *testing.T) {
	tests := []struct {
		name    string
		entries []entry
		err     error    // nil: it unpacks
		want    []string // then to this
	}{
		{"absolute name", []entry{file("OUT/new", "x"), file("//etc/stave", "x")}, nil, []string{"etc", "etc/stave"}},
		{"dot-dot", []entry{file("../outside/victim", "x")}, layer.ErrUnsafe, nil},
		{"dot-dot in the middle", []entry{dir("a"), file("a/../../outside/victim", "x")}, layer.ErrUnsafe, nil},
		{"dot-dot after a slash", []entry{file("/../outside/victim", "x")}, layer.ErrUnsafe, nil},
		{"dot-dot alone", []entry{dir("..").mode(0o777)}, layer.ErrUnsafe, nil},
		{"dot-dot that stays inside", []entry{file("a/../b", "x")}, nil, []string{"b"}},
		{"write through an absolute symlink", []entry{dir("d"), symlink("d/l", "OUT"), file("d/l/victim", "x")}, syscall.ENOTDIR, nil},
		{"write through a symlink into the layer", []entry{dir("d"), symlink("l", "/d"), file("l/f", "x")}, nil, []string{"d", "d/f", "l"}},
		{"write through a climbing symlink", []entry{symlink("l", "../outside"), file("l/victim", "x")}, syscall.ENOTDIR, nil},
		{"climb to the root and no further", []entry{dir("a"), symlink("a/l", "../../../.."), file("a/l/f", "x")}, nil, []string{"a", "a/l", "f"}},
		{"write to a symlink", []entry{symlink("l", "OUT/victim"), file("l", "x")}, nil, []string{"l"}},
		{"a directory over a symlink", []entry{symlink("l", "OUT/dir"), dir("l").mode(0o700), file("l/f", "x")}, nil, []string{"l", "l/f"}},
		{"a symlink over a directory", []entry{dir("a").mode(0o700), symlink("a", "OUT/dir")}, nil, []string{"a"}},
		{"a symlink over a directory, then through it", []entry{file("a/b", ""), symlink("a", "OUT"), file("a/victim", "x")}, syscall.ENOTDIR, nil},
		{"a loop of symlinks", []entry{symlink("a", "b"), symlink("b", "a"), file("a/f", "x")}, syscall.ELOOP, nil},
		{"proc's magic links", []entry{symlink("l", "/proc/self/cwd"), file("l/f", "x")}, syscall.ENOTDIR, nil},
		{"hard link outside", []entry{hardlink("l", "../outside/victim")}, layer.ErrUnsafe, nil},
		{"hard link to an absolute name", []entry{hardlink("l", "OUT/victim")}, syscall.ENOENT, nil},
		{"hard link through a symlink", []entry{symlink("s", "OUT"), hardlink("l", "s/victim")}, syscall.ENOENT, nil},
		{"hard link to a directory", []entry{dir("d"), hardlink("l", "d")}, syscall.EPERM, nil},
		{"hard link to the root", []entry{hardlink("l", ".")}, syscall.EPERM, nil},
		{"hard link over a directory, to what is in it", []entry{file("d/f", "x"), hardlink("d", "d/f")}, syscall.ENOENT, nil},
		{"hard link then write", []entry{file("a", "x"), hardlink("b", "a"), file("b", "y")}, nil, []string{"a", "b"}},
		{"the root as a file", []entry{file(".", "x")}, layer.ErrUnsafe, nil},
		{"the root as a symlink", []entry{symlink("./", "OUT")}, layer.ErrUnsafe, nil},
		{"the root as a hard link", []entry{file("a", ""), hardlink(".", "a")}, layer.ErrUnsafe, nil},
		{"a file as a parent", []entry{file("a", "x"), file("a/b", "y")}, syscall.ENOTDIR, nil},
		{"a name too long", []entry{file(strings.Repeat("n", 256), "x")}, syscall.ENAMETOOLONG, nil},
		{"a path too long", []entry{file(strings.Repeat("n/", 2100)+"n", "x")}, layer.ErrLimit, nil},
		{"a link too long", []entry{symlink("l", strings.Repeat("n/", 2100))}, layer.ErrLimit, nil},
		{"an empty link", []entry{symlink("l", "x"), {tar.Header{Typeflag: tar.TypeSymlink, Name: "m", Linkname: ""}, ""}}, syscall.ENOENT, nil},
		{"an unknown type", []entry{{tar.Header{Typeflag: 'Z', Name: "z"}, ""}}, layer.ErrUnsafe, nil},
		{"owner -1", []entry{{tar.Header{Typeflag: tar.TypeReg, Name: "a", Uid: 1<<32 - 1, Format: tar.FormatPAX}, ""}}, layer.ErrUnsafe, nil},
		{"a device that is a whiteout", []entry{node(tar.TypeChar, "w", 0, 0)}, layer.ErrUnsafe, nil},
		{"a device of many bits", []entry{node(tar.TypeChar, "w", 1<<32, 0)}, layer.ErrUnsafe, nil},
	}
	for _, test := range tests {
		for _, kind := range kinds() {
			t.Run(test.name+kind.Suffix(), func(t *testing.T) {
				p := newPlace(t)
				entries := make([]entry, len(test.entries))
				for i, e := range test.entries {
					e.Name = strings.Replace(e.Name, "OUT", p.outside, 1)
					e.Linkname = strings.Replace(e.Linkname, "OUT", p.outside, 1)
					entries[i] = e
				}
				_, err := unpack(t, p, kind, archive(t, entries...))
				if !errors.Is(err, test.err) {
					t.Errorf("got error %v, want %v", err, test.err)
				}
				if test.err == nil {
					checkNames(t, p, test.want)
				}
				p.check(t)
			})
		}
	}
}

// checkNames compares the names in a layer, without those that an absolute name made.
func checkNames(t *testing.T, p *place, want []string) {
	t.Helper()
	first := strings.Split(strings.TrimPrefix(p.outside, "/"), "/")[0]
	var got []string
	for _, line := range tree(t, p.layer, layer.Root) {
		name, _, _ := strings.Cut(line, " ")
		if name != first && !strings.HasPrefix(name, first+"/") {
			got = append(got, name)
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The modes and times of directories are set last, when names may have come to mean something else.
func TestAttributesAfterReplacement(t *testing.T) {
	for _, kind := range kinds() {
		p := newPlace(t)
		before, err := os.Stat(filepath.Join(p.outside, "dir"))
		if err != nil {
			t.Fatal(err)
		}
		entries := []entry{dir("a").mode(0o777), dir("a/dir").mode(0o777), symlink("a", p.outside), dir("b").mode(0o777), symlink("b", p.outside+"/dir")}
		if _, err := unpack(t, p, kind, archive(t, entries...)); err != nil {
			t.Fatal(err)
		}
		after, err := os.Stat(filepath.Join(p.outside, "dir"))
		if err != nil {
			t.Fatal(err)
		}
		if after.Mode() != before.Mode() || !after.ModTime().Equal(before.ModTime()) {
			t.Errorf("a directory outside became %v %v, was %v %v", after.Mode(), after.ModTime(), before.Mode(), before.ModTime())
		}
	}
}

// zeros is an endless source of zeros that counts what was taken.
type zeros struct{ n int64 }

func (z *zeros) Read(p []byte) (int, error) {
	clear(p)
	z.n += int64(len(p))
	return len(p), nil
}

// bomb writes an archive with one file of size zeros, compressed, as fast as it is read.
func bomb(size int64, compress func(io.Writer) io.WriteCloser) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		c := compress(w)
		archive := tar.NewWriter(c)
		err := archive.WriteHeader(&tar.Header{Name: "zeros", Size: size, Mode: 0o644, Format: tar.FormatPAX})
		if err == nil {
			_, err = io.CopyN(archive, &zeros{}, size)
		}
		if err == nil {
			err = errors.Join(archive.Close(), c.Close())
		}
		w.CloseWithError(err)
	}()
	return r
}

func gzipFast(w io.Writer) io.WriteCloser {
	z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		panic(err)
	}
	return z
}

func zstdFast(w io.Writer) io.WriteCloser {
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		panic(err)
	}
	return z
}

func TestBomb(t *testing.T) {
	low := layer.DefaultLimits()
	low.Floor = 64 << 20
	tests := []struct {
		name     string
		compress func(io.Writer) io.WriteCloser
		limits   layer.Limits
		most     int64 // bytes written before it is noticed
	}{
		{"gzip", gzipFast, layer.Limits{}, 2 << 30},
		{"zstd", zstdFast, low, 256 << 20},
	}
	if os.Getenv("STAVE_SLOW") != "" {
		tests[0].limits, tests[0].most = tests[1].limits, tests[1].most
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newPlace(t)
			_, err := layer.Unpack(context.Background(), bomb(10<<30, test.compress), p.layer, layer.Options{Kind: kinds()[0], Limits: test.limits})
			if !errors.Is(err, layer.ErrLimit) || !strings.Contains(err.Error(), "bomb") {
				t.Errorf("got %v", err)
			}
			info, err := os.Stat(filepath.Join(p.layer, "zeros"))
			if err != nil || info.Size() > test.most {
				t.Errorf("stopped late: %v, %v", info, err)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	limits := layer.Limits{Bytes: 1 << 20, Entries: 100, Name: 50, Ratio: 10, Floor: 1000}
	many := make([]entry, 101)
	for i := range many {
		many[i] = dir("d")
	}
	var trailing, members bytes.Buffer
	z := gzip.NewWriter(&trailing)
	z.Write(append(archive(t), make([]byte, 500<<10)...))
	z.Close()
	members.Write(trailing.Bytes())
	members.Write(trailing.Bytes())
	sparse := gnuSparse(1 << 40)
	tests := map[string][]byte{
		"too many entries":               archive(t, many...),
		"too many bytes":                 archive(t, file("a", strings.Repeat("x", 1<<20))),
		"a long name":                    archive(t, file(strings.Repeat("n", 51), "")),
		"zeros after the end":            trailing.Bytes(),
		"zeros in a second member":       members.Bytes(),
		"a terabyte in a sparse file":    sparse,
		"a sparse file, compressed once": compressed(t, sparse),
	}
	for name, data := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			_, err := layer.Unpack(context.Background(), bytes.NewReader(data), p.layer, layer.Options{Kind: kinds()[0], Limits: limits})
			if !errors.Is(err, layer.ErrLimit) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A million entries are the limit unless one asks for more. They are notes of AUFS, which cost nothing but the reading.
func TestMillionEntries(t *testing.T) {
	one := archive(t, file(".wh..wh.note", ""))[:512]
	limits := layer.DefaultLimits()
	if os.Getenv("STAVE_SLOW") != "" {
		limits.Entries /= 10
	}
	r := io.MultiReader(io.LimitReader(&repeat{block: one}, int64(limits.Entries)*512), bytes.NewReader(archive(t, file("last", ""))))
	p := newPlace(t)
	_, err := layer.Unpack(context.Background(), r, p.layer, layer.Options{Kind: kinds()[0], Limits: limits})
	if !errors.Is(err, layer.ErrLimit) || !strings.Contains(err.Error(), fmt.Sprint(limits.Entries, " entries")) {
		t.Errorf("got %v", err)
	}
}

type repeat struct {
	block []byte
	at    int
}

func (r *repeat) Read(p []byte) (int, error) {
	n := copy(p, r.block[r.at:])
	r.at = (r.at + n) % len(r.block)
	return n, nil
}

func compressed(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(data)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// gnuSparse is an archive of one sparse file, all hole, in the format of GNU tar (PAX, GNU.sparse version 1.0).
func gnuSparse(size int64) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	content := "1\n0\n0\n"
	content += strings.Repeat("\x00", 512-len(content))
	record := func(key, value string) string {
		for n := len(key) + len(value) + 3; ; n++ {
			if s := strings.Join([]string{strconv.Itoa(n), " ", key, "=", value, "\n"}, ""); len(s) == n {
				return s
			}
		}
	}
	pax := record("GNU.sparse.major", "1") + record("GNU.sparse.minor", "0") + record("GNU.sparse.name", "hole") + record("GNU.sparse.realsize", strconv.Itoa(int(size)))
	w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "PaxHeaders", Size: int64(len(pax)), Format: tar.FormatUSTAR})
	w.Write([]byte(pax))
	w.Flush()
	header := b.Bytes()[:512]
	header[156] = 'x' // the type, which the writer would not let us say
	copy(header[148:156], "        ")
	sum := 0
	for _, c := range header {
		sum += int(c)
	}
	copy(header[148:156], fmt.Sprintf("%06o\x00 ", sum))
	w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "GNUSparseFile.0/hole", Mode: 0o644, Size: int64(len(content)), Format: tar.FormatUSTAR})
	w.Write([]byte(content))
	w.Close()
	return b.Bytes()
}
