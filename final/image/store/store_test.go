package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"stave/final/image"
	"stave/final/image/internal/imagetest"
	"stave/final/image/layer"
	"stave/final/image/store"
	"stave/internal/script"
)

func TestMain(m *testing.M) { script.Main(m, nil) }

var ctx = context.Background()

func open(t testing.TB, dir string) *store.Store {
	t.Helper()
	st, err := store.Open(dir, store.Options{Kind: layer.Here()})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// add brings an image made in memory.
func add(t testing.TB, st *store.Store, name string, img *imagetest.Image) image.Image {
	t.Helper()
	im, err := st.Import(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	for d, data := range img.Blobs {
		i := slices.IndexFunc(img.Manifest.Layers, func(l v1.Descriptor) bool { return l.Digest == d })
		if i >= 0 {
			err = im.Layer(ctx, img.Manifest.Layers[i], img.Config.RootFS.DiffIDs[i], store.FromBytes(data))
		} else {
			err = im.Blob(ctx, v1.Descriptor{Digest: d, Size: int64(len(data))}, store.FromBytes(data))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if name != "" {
		ref, err := image.ParseReference(name)
		if err != nil {
			t.Fatal(err)
		}
		name = ref.Familiar()
	}
	got, err := im.Commit(ctx, name, img.Top)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func layerOf(content string) []byte {
	return imagetest.Layer(map[string]string{"d/": "", "d/f": content})
}

func newImage(t testing.TB, contents ...string) *imagetest.Image {
	t.Helper()
	var layers [][]byte
	for _, c := range contents {
		layers = append(layers, layerOf(c))
	}
	return imagetest.New(t, false, imagetest.Gzip, layers...)
}

func glob(t testing.TB, pattern ...string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(pattern...))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// A store that is only looked at is not made.
func TestNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	st := open(t, dir)
	if images, err := st.Images(); err != nil || len(images) != 0 {
		t.Errorf("got %v, %v", images, err)
	}
	if _, err := st.Resolve("alpine"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if _, err := st.Remove(ctx, "alpine"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the store was made: %v", err)
	}
}

func TestResolve(t *testing.T) {
	st := open(t, t.TempDir())
	one, two := add(t, st, "one", newImage(t, "1")), add(t, st, "team/two:v2", newImage(t, "2"))
	byDigest := add(t, st, "one@"+one.Digest.String(), newImage(t, "1"))
	tests := []struct {
		ref  string
		want digest.Digest
	}{
		{"one", one.Digest}, {"one:latest", one.Digest}, {"library/one", one.Digest}, {byDigest.Name, one.Digest},
		{"team/two:v2", two.Digest}, {"team/two", ""}, {"two:v2", ""}, {"three", ""}, {"", ""}, {"ab", ""},
		{two.ID.String(), two.Digest}, {two.ID.Encoded(), two.Digest}, {two.ID.Encoded()[:12], two.Digest}, {two.Digest.String()[:19], two.Digest},
		{"other/name@" + two.Digest.String(), two.Digest}, {strings.Repeat("0", 64), ""},
	}
	for _, test := range tests {
		got, err := st.Resolve(test.ref)
		if got.Digest != test.want || (test.want == "") != errors.Is(err, store.ErrNotFound) {
			t.Errorf("%q: got %q, %v, want %q", test.ref, got.Digest, err, test.want)
		}
	}
}

func TestAmbiguous(t *testing.T) {
	st := open(t, t.TempDir())
	count := map[string]int{}
	for i := 0; ; i++ { // soon two IDs or digests begin alike
		img := add(t, st, "", newImage(t, strings.Repeat("x", i)))
		for _, prefix := range []string{img.ID.Encoded()[:3], img.Digest.Encoded()[:3]} {
			if count[prefix]++; count[prefix] == 2 {
				if _, err := st.Resolve(prefix); !errors.Is(err, store.ErrAmbiguous) {
					t.Errorf("got %v", err)
				}
				return
			}
		}
	}
}

// A name that moves on leaves the image it had, without a name.
func TestNameMoves(t *testing.T) {
	st := open(t, t.TempDir())
	first := add(t, st, "app", newImage(t, "1"))
	add(t, st, "app", newImage(t, "1")) // again: nothing changes
	second := add(t, st, "app", newImage(t, "2"))
	add(t, st, "also", newImage(t, "2"))
	third := add(t, st, "app", newImage(t, "3")) // the second keeps its other name
	images, err := st.Images()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, img := range images {
		got = append(got, img.Name+" "+img.Digest.String())
	}
	want := []string{"also:latest " + second.Digest.String(), "app:latest " + third.Digest.String(), " " + first.Digest.String()}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRemove(t *testing.T) {
	dir := t.TempDir()
	st := open(t, dir)
	add(t, st, "one", newImage(t, "shared", "1"))
	add(t, st, "two", newImage(t, "shared", "2"))
	add(t, st, "three", newImage(t, "shared", "2"))
	count := func(blobs, layers int) {
		t.Helper()
		if b, l := len(glob(t, dir, "blobs/*/*")), len(glob(t, dir, "layers/*/*")); b != blobs || l != layers {
			t.Errorf("%d blobs and %d layers, want %d and %d", b, l, blobs, layers)
		}
	}
	count(7, 3)
	two, err := st.Resolve("two")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Remove(ctx, two.ID.Encoded()); !errors.Is(err, store.ErrInUse) || !strings.Contains(err.Error(), "three:latest") {
		t.Errorf("removing an image of two names by ID: %v", err)
	}
	removed, err := st.Remove(ctx, "two")
	if err != nil || removed.Untagged != "two:latest" || len(removed.Deleted) != 0 {
		t.Errorf("got %v, %v", removed, err)
	}
	count(7, 3)
	if removed, err = st.Remove(ctx, two.ID.Encoded()); err != nil || len(removed.Deleted) != 3 {
		t.Errorf("got %v, %v", removed, err)
	}
	count(4, 2)
	if _, err := st.Remove(ctx, "one"); err != nil {
		t.Error(err)
	}
	count(0, 0)
	if left := glob(t, dir, "tmp/*"); len(left) != 0 {
		t.Errorf("left %q", left)
	}
}

func TestRemoveInUse(t *testing.T) {
	dir := t.TempDir()
	used := map[digest.Digest]string{}
	st, err := store.Open(dir, store.Options{Kind: layer.Here(), InUse: func() (map[digest.Digest]string, error) { return used, nil }})
	if err != nil {
		t.Fatal(err)
	}
	img := add(t, st, "one", newImage(t, "1"))
	add(t, st, "two", newImage(t, "1"))
	used[img.Digest] = "busy_box"
	if _, err := st.Remove(ctx, "one"); err != nil {
		t.Errorf("a name of several may go: %v", err)
	}
	if _, err := st.Remove(ctx, "two"); !errors.Is(err, store.ErrInUse) || !strings.Contains(err.Error(), "busy_box") {
		t.Errorf("got %v", err)
	}
	if _, err := st.LayerPaths(ctx, img); err != nil {
		t.Error(err)
	}
	clear(used)
	release, err := st.Hold(ctx)
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := open(t, dir).Remove(short, "two"); !errors.Is(err, context.Canceled) {
		t.Errorf("removed while held: %v", err)
	}
	release()
	if _, err := st.Remove(ctx, "two"); err != nil {
		t.Error(err)
	}
}

// While one image is being brought, another's removal must not take what the first has brought.
func TestRemoveDuringImport(t *testing.T) {
	dir := t.TempDir()
	st := open(t, dir)
	add(t, st, "old", newImage(t, "old"))
	img := newImage(t, "new")
	im, err := st.Import(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	l := img.Manifest.Layers[0]
	if err := im.Layer(ctx, l, img.Config.RootFS.DiffIDs[0], store.FromBytes(img.Blobs[l.Digest])); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, dir).Remove(ctx, "old"); err != nil {
		t.Fatal(err)
	}
	for _, d := range []v1.Descriptor{img.Manifest.Config, img.Top} {
		if err := im.Blob(ctx, d, store.FromBytes(img.Blobs[d.Digest])); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := im.Commit(ctx, "new:latest", img.Top); err != nil {
		t.Fatal(err)
	}
	if err := im.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := st.Resolve("new"); err != nil || got.Digest != img.Top.Digest {
		t.Errorf("got %v, %v", got, err)
	}
	// What the first removal left, the next one takes.
	if _, err := st.Remove(ctx, "new"); err != nil || len(glob(t, dir, "blobs/*/*"))+len(glob(t, dir, "layers/*/*")) != 0 {
		t.Errorf("left %q (%v)", glob(t, dir, "*/*/*"), err)
	}
}

// A commit with a layer missing is no image.
func TestCommitIncomplete(t *testing.T) {
	st := open(t, t.TempDir())
	img := newImage(t, "1")
	im, err := st.Import(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	for _, d := range []v1.Descriptor{img.Manifest.Config, img.Top} {
		if err := im.Blob(ctx, d, store.FromBytes(img.Blobs[d.Digest])); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := im.Commit(ctx, "app:latest", img.Top); err == nil {
		t.Error("no error")
	}
	if images, err := st.Images(); err != nil || len(images) != 0 {
		t.Errorf("the store has %v, %v", images, err)
	}
}

// Every blob, damaged where it lies, is noticed when it is read, and a layer that was unpacked goes on being usable.
func TestDamagedAtRest(t *testing.T) {
	img := newImage(t, "1", "2")
	for d := range img.Blobs {
		for how, damage := range map[string]func([]byte) []byte{
			"flipped": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
			"cut off": func(b []byte) []byte { return b[:len(b)/2] },
			"longer":  func(b []byte) []byte { return append(b, 0) },
		} {
			dir := t.TempDir()
			st := open(t, dir)
			added := add(t, st, "app", img)
			path := filepath.Join(dir, "blobs/sha256", d.Encoded())
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, damage(data), 0o600); err != nil {
				t.Fatal(err)
			}
			isLayer := slices.ContainsFunc(img.Manifest.Layers, func(l v1.Descriptor) bool { return l.Digest == d })
			if !isLayer {
				if _, err := st.Resolve("app"); !errors.Is(err, store.ErrCorrupt) {
					t.Errorf("%s %s: got %v", how, d, err)
				}
			} else {
				if _, err := st.LayerPaths(ctx, added); err != nil {
					t.Errorf("%s %s: the unpacked layer is whole, but: %v", how, d, err)
				}
				if err := os.RemoveAll(filepath.Join(dir, "layers")); err != nil {
					t.Fatal(err)
				}
				if _, err := st.LayerPaths(ctx, added); !errors.Is(err, store.ErrCorrupt) && !errors.Is(err, store.ErrRefused) {
					t.Errorf("%s %s: got %v", how, d, err)
				}
				if left := glob(t, dir, "layers/*/"+added.Layers[0].Encoded(), "fs/d/f"); len(left) == 2 {
					t.Errorf("%s %s: a layer was made of it: %q", how, d, left)
				}
			}
			add(t, st, "app", img) // bringing it again mends it
			if again, err := st.Resolve("app"); err != nil {
				t.Errorf("%s %s: after bringing it again: %v", how, d, err)
			} else if _, err := st.LayerPaths(ctx, again); err != nil {
				t.Errorf("%s %s: after bringing it again: %v", how, d, err)
			}
		}
	}
}

// One image that can't be read doesn't hide the others, and keeps anything from being swept.
func TestImagesDamaged(t *testing.T) {
	dir := t.TempDir()
	st := open(t, dir)
	bad := add(t, st, "bad", newImage(t, "1"))
	add(t, st, "good", newImage(t, "2"))
	add(t, st, "gone", newImage(t, "3"))
	if err := os.Remove(filepath.Join(dir, "blobs/sha256", bad.Digest.Encoded())); err != nil {
		t.Fatal(err)
	}
	images, err := st.Images()
	if err == nil || len(images) != 3 || images[0].Name != "bad:latest" || images[2].Name != "good:latest" || len(images[1].Layers) != 1 || len(images[2].Layers) != 1 {
		t.Errorf("got %v, %v", images, err)
	}
	before := len(glob(t, dir, "blobs/*/*"))
	if _, err := st.Remove(ctx, "gone"); err == nil {
		t.Error("swept without knowing what the damaged image needs")
	}
	if after := len(glob(t, dir, "blobs/*/*")); after != before {
		t.Errorf("%d blobs became %d", before, after)
	}
	if _, err := st.Remove(ctx, "bad"); err != nil {
		t.Errorf("the damaged image can't be removed: %v", err)
	}
	if left := len(glob(t, dir, "layers/*/*")); left != 1 {
		t.Errorf("%d layers left, want that of the good image", left)
	}
}

func TestLayerPaths(t *testing.T) {
	dir := t.TempDir()
	st := open(t, dir)
	a, b, opaque := layerOf("a"), layerOf("b"), imagetest.Layer(map[string]string{".wh..wh..opq": "", "new": "x"})
	tests := []struct {
		name   string
		layers [][]byte
		want   [][]byte
	}{
		{"none", nil, nil},
		{"in order", [][]byte{a, b}, [][]byte{a, b}},
		{"one twice", [][]byte{a, b, a}, [][]byte{b, a}},
		{"an opaque root", [][]byte{a, opaque, b}, [][]byte{opaque, b}},
	}
	for _, test := range tests {
		img := add(t, st, "", imagetest.New(t, false, imagetest.Zstd, test.layers...))
		got, err := st.LayerPaths(ctx, img)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, l := range test.want {
			want = append(want, filepath.Join(dir, "layers/sha256", digest.FromBytes(l).Encoded()+layer.Here().Suffix(), "fs"))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", test.name, got, want)
		}
	}
}

// Layers unpacked by one kind of user are of no use to another, which unpacks its own.
func TestKinds(t *testing.T) {
	dir := t.TempDir()
	img := add(t, open(t, dir), "app", newImage(t, "1"))
	other, err := store.Open(dir, store.Options{Kind: layer.Single})
	if err != nil {
		t.Fatal(err)
	}
	paths, err := other.LayerPaths(ctx, img)
	if err != nil || len(paths) != 1 || !strings.HasSuffix(filepath.Dir(paths[0]), ".single") {
		t.Errorf("got %q, %v", paths, err)
	}
	if _, err := other.Remove(ctx, "app"); err != nil || len(glob(t, dir, "layers/*/*")) != 0 {
		t.Errorf("left %q (%v)", glob(t, dir, "layers/*/*"), err)
	}
}

// The seams for a user namespace are used for everything that is unpacked and removed.
func TestSeams(t *testing.T) {
	dir := t.TempDir()
	var unpacked, removed int
	st, err := store.Open(dir, store.Options{
		Kind: layer.Single,
		Unpack: func(ctx context.Context, src io.Reader, dir string, opts layer.Options) (layer.Result, error) {
			unpacked++
			return layer.Unpack(ctx, src, dir, opts)
		},
		RemoveAll: func(dir string) error {
			removed++
			return layer.Remove(dir)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	add(t, st, "app", newImage(t, "1"))
	if unpacked != 1 || removed != 1 {
		t.Errorf("unpacked %d, removed %d times, want 1 and 1", unpacked, removed)
	}
	if _, err := st.Remove(ctx, "app"); err != nil || removed != 2 {
		t.Errorf("removed %d times, %v", removed, err)
	}
}

// A seam that does not look at the digest does not get a wrong layer in.
func TestSeamChecked(t *testing.T) {
	st, err := store.Open(t.TempDir(), store.Options{Kind: layer.Single,
		Unpack: func(ctx context.Context, src io.Reader, dir string, opts layer.Options) (layer.Result, error) {
			opts.DiffID = ""
			return layer.Unpack(ctx, src, dir, opts)
		}})
	if err != nil {
		t.Fatal(err)
	}
	img := newImage(t, "1", "2")
	im, err := st.Import(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	l := img.Manifest.Layers[0]
	err = im.Layer(ctx, l, img.Config.RootFS.DiffIDs[1], store.FromBytes(img.Blobs[l.Digest]))
	if !errors.Is(err, layer.ErrDigest) {
		t.Errorf("got %v", err)
	}
}

func TestCreate(t *testing.T) {
	dir := t.TempDir()
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "bin/sh"), []byte("shell"), 0o755); err != nil {
		t.Fatal(err)
	}
	st := open(t, dir)
	create := func() image.Image {
		t.Helper()
		img, err := st.Create(ctx, "toolbox", v1.Image{Config: v1.ImageConfig{Cmd: []string{"sh"}}}, func(w io.Writer) error {
			return layer.Pack(w, root, layer.PackOptions{RootOwned: true})
		})
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
	img := create()
	if again := create(); again.Digest != img.Digest {
		t.Error("the same directory became another image")
	}
	found, err := st.Resolve("toolbox")
	if err != nil || found.Digest != img.Digest || found.Name != "toolbox:latest" || found.Config.Cmd[0] != "sh" || found.Platform.OS != "linux" {
		t.Errorf("got %v, %v", found, err)
	}
	paths, err := st.LayerPaths(ctx, found)
	if err != nil || len(paths) != 1 {
		t.Fatalf("got %q, %v", paths, err)
	}
	if data, err := os.ReadFile(filepath.Join(paths[0], "bin/sh")); string(data) != "shell" {
		t.Errorf("got %q, %v", data, err)
	}
	broken := errors.New("broken")
	if _, err := st.Create(ctx, "x", v1.Image{}, func(io.Writer) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if left := glob(t, dir, "tmp/*"); len(left) != 0 {
		t.Errorf("left %q", left)
	}
}

// What a dead process left goes; what a living one works on stays.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	st := open(t, dir)
	add(t, st, "app", newImage(t, "1"))
	im, err := st.Import(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	dead := filepath.Join(dir, "tmp/dead")
	if err := os.MkdirAll(filepath.Join(dead, "layer/fs"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dead, "layer"), 0o500); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
	if left := glob(t, dir, "tmp/*"); len(left) != 1 || left[0] == dead {
		t.Errorf("left %q, want the living import's", left)
	}
}

// Another tool may write the index, and names in another form.
func TestForeignIndex(t *testing.T) {
	dir := t.TempDir()
	st := open(t, dir)
	img := newImage(t, "1")
	add(t, st, "app", img)
	d := img.Top
	d.Annotations = map[string]string{v1.AnnotationRefName: "library/other"}
	data, err := json.Marshal(v1.Index{Versioned: img.Manifest.Versioned, Manifests: []v1.Descriptor{d}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "index.json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := st.Resolve("other"); err != nil || got.Name != "other:latest" {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := st.Remove(ctx, "other"); err != nil || len(glob(t, dir, "blobs/*/*")) != 0 {
		t.Errorf("left %q, %v", glob(t, dir, "blobs/*/*"), err)
	}
}
