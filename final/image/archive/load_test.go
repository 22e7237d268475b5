package archive_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"stave/final/image"
	"stave/final/image/archive"
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

func newImage(t testing.TB, docker bool, compress func([]byte) []byte) *imagetest.Image {
	return imagetest.New(t, docker, compress,
		imagetest.Layer(map[string]string{"etc/": "", "etc/motd": "one", "etc/gone": "one"}),
		imagetest.Layer(map[string]string{"etc/": "", "etc/motd": "two", "etc/.wh.gone": ""}))
}

// saved is what "docker save" wrote before version 25: layers by name, the table of contents last.
func saved(t testing.TB, img *imagetest.Image, tags ...string) map[string]string {
	t.Helper()
	files := map[string]string{"repositories": "{}"}
	config := img.Manifest.Config.Digest
	files[config.Encoded()+".json"] = string(img.Blobs[config])
	list := map[string]any{"Config": config.Encoded() + ".json", "RepoTags": tags}
	var layers []string
	for i, l := range img.Manifest.Layers {
		name := fmt.Sprintf("%064x/layer.tar", i)
		files[name] = string(img.Blobs[l.Digest])
		layers = append(layers, name)
	}
	list["Layers"] = layers
	data, err := json.Marshal([]any{list})
	if err != nil {
		t.Fatal(err)
	}
	files["manifest.json"] = string(data)
	return files
}

func TestLoad(t *testing.T) {
	img := newImage(t, false, imagetest.Gzip)
	plain := newImage(t, false, nil)
	here := image.FormatPlatform(image.Here())
	index := imagetest.Index(v1.MediaTypeImageIndex, []string{"linux/s390x", here}, newImage(t, false, imagetest.Zstd), img)
	tests := []struct {
		name string
		data []byte
		want []string
	}{
		{"a layout", img.Layout("app:v1"), []string{"app:v1"}},
		{"a layout, compressed", imagetest.Gzip(img.Layout("app:v1")), []string{"app:v1"}},
		{"a layout, compressed with zstd", imagetest.Zstd(img.Layout("app:v1")), []string{"app:v1"}},
		{"a layout of Docker's types", newImage(t, true, imagetest.Gzip).Layout("app:v1"), []string{"app:v1"}},
		{"a layout with an index", index.Layout("registry.example/app"), []string{"registry.example/app:latest"}},
		{"a layout without a name", img.Layout(""), []string{"named:latest"}},
		{"docker save", imagetest.Layer(saved(t, plain, "app:v1", "team/app:v2")), []string{"app:v1", "team/app:v2"}},
		{"docker save with compressed layers", imagetest.Layer(saved(t, img, "app:v1")), []string{"app:v1"}},
		{"docker save, compressed", imagetest.Gzip(imagetest.Layer(saved(t, plain, "app:v1"))), []string{"app:v1"}},
		{"docker save without a name", imagetest.Layer(saved(t, plain)), []string{"named:latest"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			st := open(t, dir)
			images, err := archive.Load(ctx, st, bytes.NewReader(test.data), archive.Options{Name: "named"})
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, got := range images {
				names = append(names, got.Name)
			}
			if !slices.Equal(names, test.want) {
				t.Errorf("loaded %q, want %q", names, test.want)
			}
			for _, name := range test.want {
				checkImage(t, st, name, img)
			}
			if left, _ := os.ReadDir(filepath.Join(dir, "tmp")); len(left) != 0 {
				t.Errorf("left %v", left)
			}
		})
	}
}

func checkImage(t *testing.T, st *store.Store, name string, want *imagetest.Image) {
	t.Helper()
	got, err := st.Resolve(name)
	if err != nil {
		t.Error(err)
		return
	}
	if got.Config.WorkingDir != "/work" || !slices.Equal(got.Layers, want.Config.RootFS.DiffIDs) {
		t.Errorf("got %+v", got)
	}
	paths, err := st.LayerPaths(ctx, got)
	if err != nil || len(paths) != 2 {
		t.Fatalf("got %q, %v", paths, err)
	}
	if data, err := os.ReadFile(filepath.Join(paths[1], "etc/motd")); string(data) != "two" {
		t.Errorf("got %q, %v", data, err)
	}
}

// Old archives hold a layer that two images share once, with links to it.
func TestLinks(t *testing.T) {
	img := newImage(t, false, nil)
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	links := 0
	files := saved(t, img, "app:v1")
	for _, name := range slices.Sorted(maps.Keys(files)) {
		content := files[name]
		if strings.HasSuffix(name, "/layer.tar") {
			real := "shared/" + name[60:64] + ".tar"
			h := &tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: "../" + real}
			if links++; links == 2 {
				h.Typeflag, h.Linkname = tar.TypeLink, real
			}
			if err := w.WriteHeader(h); err != nil {
				t.Fatal(err)
			}
			name = real
		}
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "./" + name, Size: int64(len(content)), Mode: 0o644})
		w.Write([]byte(content))
	}
	w.Close()
	st := open(t, t.TempDir())
	if _, err := archive.Load(ctx, st, &b, archive.Options{}); err != nil {
		t.Fatal(err)
	}
	checkImage(t, st, "app:v1", img)
}

func TestRefused(t *testing.T) {
	img := newImage(t, false, imagetest.Gzip)
	with := func(files map[string]string, name, content string) []byte {
		files = maps.Clone(files)
		files[name] = content
		return imagetest.Layer(files)
	}
	swapped := newImage(t, false, nil)
	slices.Reverse(swapped.Manifest.Layers)
	tests := map[string][]byte{
		"nothing":                    nil,
		"text":                       []byte("hello"),
		"another tar":                imagetest.Layer(map[string]string{"hello": "world"}),
		"an empty layout":            imagetest.Layer(map[string]string{"oci-layout": "{}", "index.json": `{"schemaVersion":2,"manifests":[]}`}),
		"cut off":                    img.Layout("app")[:2000],
		"another platform":           imagetest.Index(v1.MediaTypeImageIndex, []string{"linux/s390x"}, img).Layout("app"),
		"layers in the wrong order":  imagetest.Layer(saved(t, swapped, "app")),
		"a name that is none":        imagetest.Layer(saved(t, img, "A B")),
		"manifest.json is no list":   with(saved(t, img, "app"), "manifest.json", "{}"),
		"a config that is missing":   with(saved(t, img, "app"), "manifest.json", `[{"Config":"no.json","Layers":[]}]`),
		"a config from the machine":  with(saved(t, img, "app"), "manifest.json", `[{"Config":"/etc/passwd","Layers":[]}]`),
		"a config from the machine ": with(saved(t, img, "app"), "manifest.json", `[{"Config":"../../../../../../etc/passwd","Layers":[]}]`),
	}
	for d := range img.Blobs {
		damaged := newImage(t, false, imagetest.Gzip)
		data := slices.Clone(damaged.Blobs[d])
		data[len(data)/2] ^= 1
		damaged.Blobs[d] = data
		tests[fmt.Sprintf("damaged blob %.15s", d)] = damaged.Layout("app")
		delete(damaged.Blobs, d)
		tests[fmt.Sprintf("missing blob %.15s", d)] = damaged.Layout("app")
	}
	for name, data := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			st := open(t, dir)
			_, err := archive.Load(ctx, st, bytes.NewReader(data), archive.Options{})
			if err == nil {
				t.Fatal("no error")
			}
			if digest, missing := strings.CutPrefix(name, "missing blob sha256:"); missing && !strings.Contains(err.Error(), digest) {
				t.Errorf("%v: it doesn't say which", err)
			}
			if images, err := st.Images(); err != nil || len(images) != 0 {
				t.Errorf("the store has %v, %v", images, err)
			}
			if left, _ := os.ReadDir(filepath.Join(dir, "tmp")); len(left) != 0 {
				t.Errorf("left %v", left)
			}
		})
	}
}

func TestBomb(t *testing.T) {
	data := imagetest.Gzip(imagetest.Layer(map[string]string{"index.json": strings.Repeat("\x00", 10<<20)}))
	_, err := archive.Load(ctx, open(t, t.TempDir()), bytes.NewReader(data), archive.Options{Limits: layer.Limits{Bytes: 1 << 30, Entries: 10, Name: 100, Ratio: 10, Floor: 1 << 20}})
	if !errors.Is(err, layer.ErrLimit) {
		t.Errorf("got %v", err)
	}
}

func run(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "TMPDIR="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", program, args, err, out)
	}
	return string(out)
}

// Images made by umoci, carried by skopeo in each of its forms.
func TestForeignArchives(t *testing.T) {
	script.Need(t, "exec:umoci", "exec:skopeo")
	dir := t.TempDir()
	umoci := func(args ...string) { t.Helper(); run(t, dir, "umoci", args...) }
	for name, content := range map[string]string{"motd": "one", "gone": "one"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	rootless := []string{"--rootless"}
	if os.Geteuid() == 0 {
		rootless = nil
	}
	insert := func(args ...string) { t.Helper(); umoci(append(append([]string{"insert"}, rootless...), args...)...) }
	umoci("init", "--layout", "made")
	umoci("new", "--image", "made:v1")
	insert("--image", "made:v1", "gone", "/etc/gone")
	insert("--image", "made:v1", "motd", "/etc/motd")
	insert("--image", "made:v1", "--whiteout", "/etc/gone")
	umoci("config", "--image", "made:v1", "--config.workingdir", "/work", "--config.env", "A=B", "--architecture", runtime.GOARCH, "--os", "linux")
	for _, form := range []string{"oci-archive", "docker-archive"} {
		t.Run(form, func(t *testing.T) {
			file := filepath.Join(dir, form+".tar")
			run(t, dir, "skopeo", "--insecure-policy", "copy", "oci:made:v1", form+":"+file+":team/made:v1")
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			root := t.TempDir()
			st := open(t, root)
			images, err := archive.Load(ctx, st, f, archive.Options{})
			if err != nil || len(images) != 1 || images[0].Name != "team/made:v1" || images[0].Config.WorkingDir != "/work" {
				t.Fatalf("got %v, %v", images, err)
			}
			checkForeign(t, st, images[0])
			// And back: they read our store as it is.
			out := run(t, dir, "skopeo", "inspect", "oci:"+root+":team/made:v1")
			if !strings.Contains(out, "A=B") {
				t.Errorf("skopeo sees %s", out)
			}
			args := append(append([]string{"raw", "unpack"}, rootless...), "--image", root+":team/made:v1", "unpacked-"+form)
			umoci(args...)
			if data, err := os.ReadFile(filepath.Join(dir, "unpacked-"+form, "etc/motd")); string(data) != "one" {
				t.Errorf("umoci unpacked %q, %v", data, err)
			}
		})
	}
}

func checkForeign(t *testing.T, st *store.Store, img image.Image) {
	t.Helper()
	paths, err := st.LayerPaths(ctx, img)
	if err != nil || len(paths) != 3 {
		t.Fatalf("got %q, %v", paths, err)
	}
	info, err := os.Lstat(filepath.Join(paths[2], "etc/gone"))
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		t.Errorf("the whiteout is %v, %v", info, err)
	}
}
