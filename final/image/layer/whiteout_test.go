package layer_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"stave/final/image/layer"
	"stave/internal/script"
)

func TestWhiteouts(t *testing.T) {
	tests := []struct {
		name    string
		entries []entry
		err     error
		want    []string
	}{
		{"a file", []entry{file("a/.wh.b", "")}, nil, []string{"a 0755 dir", "a/b whiteout"}},
		{"twice", []entry{file(".wh.b", ""), file(".wh.b", "")}, nil, []string{"b whiteout"}},
		{"of a file this layer has", []entry{file("b", "new"), file(".wh.b", "")}, nil, []string{`b 0644 "new"`}},
		{"of a file this layer gets", []entry{file(".wh.b", ""), file("b", "new")}, nil, []string{`b 0644 "new"`}},
		{"of a directory this layer has", []entry{file("d/f", "new"), file(".wh.d", "")}, nil, []string{"d 0755 opaque dir", `d/f 0644 "new"`}},
		{"of a directory this layer gets", []entry{file(".wh.d", ""), dir("d"), file("d/f", "new")}, nil, []string{"d 0755 opaque dir", `d/f 0644 "new"`}},
		{"of a directory with no entry", []entry{file(".wh.d", ""), file("d/e/f", "new")}, nil, []string{"d 0755 opaque dir", "d/e 0755 dir", `d/e/f 0644 "new"`}},
		{"of a link", []entry{file(".wh.l", ""), symlink("l", "x")}, nil, []string{"l -> x"}},
		{"a hard link to one", []entry{file(".wh.b", ""), hardlink("c", "b")}, unix.ENOENT, nil},
		{"through a symbolic link", []entry{dir("d"), symlink("l", "/d"), file("l/.wh.x", "")}, nil, []string{"d 0755 dir", "d/x whiteout", "l -> /d"}},
		{"through a link out", []entry{symlink("l", "../outside"), file("l/.wh.victim", "")}, unix.ENOTDIR, nil},
		{"outside", []entry{file("../outside/.wh.victim", "")}, layer.ErrUnsafe, nil},
		{"of nothing", []entry{file(".wh.", "")}, layer.ErrUnsafe, nil},
		{"of nothing in a directory", []entry{file("a/.wh.", "")}, layer.ErrUnsafe, nil},
		{"of dot", []entry{file("a/.wh..", "")}, layer.ErrUnsafe, nil},
		{"of dot-dot", []entry{file("a/.wh...", "")}, layer.ErrUnsafe, nil},
		{"of three dots", []entry{file(".wh....", "")}, nil, []string{"... whiteout"}},
		{"of a name with a backslash", []entry{file(`.wh...\x`, "")}, nil, []string{`..\x whiteout`}},
		{"as a directory", []entry{dir(".wh.d/")}, nil, []string{"d whiteout"}},
		{"with something inside", []entry{file(".wh.d/f", "")}, layer.ErrUnsafe, nil},
		{"of a whiteout", []entry{file(".wh..wh.x", "")}, nil, nil},
		{"as a symbolic link", []entry{symlink(".wh.b", "/etc/passwd")}, nil, []string{"b whiteout"}},
		{"with content", []entry{file(".wh.b", "content"), file("c", "x")}, nil, []string{"b whiteout", `c 0644 "x"`}},
		{"opaque", []entry{file("d/.wh..wh..opq", "")}, nil, []string{"d 0755 opaque dir"}},
		{"opaque after its content", []entry{file("d/f", "x"), file("d/.wh..wh..opq", ""), dir("d").mode(0o700)}, nil, []string{"d 0700 opaque dir", `d/f 0644 "x"`}},
		{"opaque, a directory replaced", []entry{file("d/.wh..wh..opq", ""), file("d", "x"), dir("d")}, nil, []string{"d 0755 dir"}},
		{"opaque through a symbolic link", []entry{dir("d"), symlink("l", "d"), file("l/.wh..wh..opq", "")}, nil, []string{"d 0755 opaque dir", "l -> d"}},
		{"opaque outside", []entry{symlink("l", "../outside"), file("l/.wh..wh..opq", "")}, unix.ENOTDIR, nil},
		{"opaque root", []entry{file(".wh..wh..opq", "")}, nil, []string{". opaque"}},
		{"opaque root, absolute", []entry{file("/.wh..wh..opq", "")}, nil, []string{". opaque"}},
	}
	for _, test := range tests {
		for _, kind := range kinds() {
			t.Run(test.name+kind.Suffix(), func(t *testing.T) {
				p := newPlace(t)
				_, err := unpack(t, p, kind, archive(t, test.entries...))
				if !errors.Is(err, test.err) {
					t.Fatalf("got error %v, want %v", err, test.err)
				}
				if got, want := strings.Join(tree(t, p.layer, kind), "\n"), strings.Join(test.want, "\n"); err == nil && got != want {
					t.Errorf("got:\n%s\nwant:\n%s", got, want)
				}
				p.check(t)
			})
		}
	}
}

// What overlayfs itself makes of unpacked layers.
func TestOverlay(t *testing.T) {
	script.Need(t, "overlay")
	lower := archive(t, file("kept", "1"), file("gone", "1"), file("hidden/old", "1"), file("merged/old", "1"), file("again/old", "1"), file("file/old", "1"))
	upper := archive(t, file(".wh.gone", ""), file("hidden/.wh..wh..opq", ""), file("hidden/new", "2"), file("merged/new", "2"),
		file(".wh.again", ""), file("again/new", "2"), file("file", "2"))
	kind, option, unshare := layer.Single, "userxattr,", []string{"-Urm"}
	if layer.Here() == layer.Root {
		kind, option, unshare = layer.Root, "", []string{"-m"}
	}
	a, b := newPlace(t), newPlace(t)
	for p, data := range map[*place][]byte{a: lower, b: upper} {
		if _, err := unpack(t, p, kind, data); err != nil {
			t.Fatal(err)
		}
	}
	merged := t.TempDir()
	script := fmt.Sprintf("mount -t overlay -o %slowerdir=%s:%s none %s || exit 99; cd %[4]s && find . | sort", option, b.layer, a.layer, merged)
	out, err := exec.Command("unshare", append(unshare, "sh", "-c", script)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := ".\n./again\n./again/new\n./file\n./hidden\n./hidden/new\n./kept\n./merged\n./merged/new\n./merged/old\n"
	if string(out) != want {
		t.Errorf("overlayfs shows:\n%s\nwant:\n%s", out, want)
	}
}

// Packing what overlayfs left in an upper directory and unpacking it again must change nothing.
func TestPack(t *testing.T) {
	for _, kind := range kinds() {
		t.Run("kind"+kind.Suffix(), func(t *testing.T) {
			p := newPlace(t)
			entries := []entry{file("f", "x").mode(0o4755), dir("d").mode(0o700), hardlink("d/g", "f"), symlink("l", "/nowhere"), node('6', "fifo", 0, 0),
				file(".wh.gone", ""), file("o/.wh..wh..opq", ""), file("o/new", "y"), file("attr", "").pax("SCHILY.xattr.user.note", "yes")}
			if _, err := unpack(t, p, kind, archive(t, entries...)); err != nil {
				t.Fatal(err)
			}
			var first, second strings.Builder
			for _, b := range []*strings.Builder{&first, &second} {
				if err := layer.Pack(b, p.layer, layer.PackOptions{Kind: kind, RootOwned: true}); err != nil {
					t.Fatal(err)
				}
			}
			if first.String() != second.String() {
				t.Error("the same directory became two different layers")
			}
			again := newPlace(t)
			if _, err := unpack(t, again, kind, []byte(first.String())); err != nil {
				t.Fatal(err)
			}
			want, got := tree(t, p.layer, kind), tree(t, again.layer, kind)
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			one, _ := os.Stat(filepath.Join(again.layer, "f"))
			two, _ := os.Stat(filepath.Join(again.layer, "d/g"))
			if !os.SameFile(one, two) {
				t.Error("a hard link became a file of its own")
			}
			xattr(t, again, "attr", "user.note", "yes")
		})
	}
}
