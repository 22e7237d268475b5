package registry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"stave/final/image"
	"stave/final/image/internal/imagetest"
	"stave/final/image/layer"
	"stave/final/image/registry"
	"stave/final/image/store"
)

func open(t testing.TB, dir string) *store.Store {
	t.Helper()
	st, err := store.Open(dir, store.Options{Kind: layer.Here()})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// two layers, the second with a whiteout.
func two() [][]byte {
	return [][]byte{
		imagetest.Layer(map[string]string{"etc/": "", "etc/motd": "one", "etc/gone": "one", "big": strings.Repeat("0123456789abcdef", 1<<16)}),
		imagetest.Layer(map[string]string{"etc/": "", "etc/motd": "two", "etc/.wh.gone": ""}),
	}
}

func plainly(b []byte) []byte { return b }

func TestPull(t *testing.T) {
	here := "linux/" + runtime.GOARCH
	for _, docker := range []bool{false, true} {
		for name, compress := range map[string]func([]byte) []byte{"gzip": imagetest.Gzip, "zstd": imagetest.Zstd, "plain": plainly} {
			img := imagetest.New(t, docker, compress, two()...)
			other := imagetest.New(t, docker, compress, imagetest.Layer(map[string]string{"wrong": "platform"}))
			index := imagetest.Index(v1.MediaTypeImageIndex, []string{"linux/s390x", "unknown/unknown", here}, other, other, img)
			list := imagetest.Index(image.DockerManifestList, []string{here, "linux/s390x"}, img, other)
			nested := imagetest.Index(v1.MediaTypeImageIndex, []string{here}, list)
			for form, top := range map[string]*imagetest.Image{"manifest": img, "index": index, "list": list, "index of an index": nested} {
				t.Run(fmt.Sprintf("docker=%v,%s,%s", docker, name, form), func(t *testing.T) {
					r := imagetest.NewRegistry(t)
					checkPull(t, r, r.Push("team/app:v1", top), img)
				})
			}
		}
	}
}

func checkPull(t *testing.T, r *imagetest.Registry, ref string, img *imagetest.Image) {
	t.Helper()
	dir := t.TempDir()
	st := open(t, dir)
	got, err := registry.Pull(context.Background(), st, ref, registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != ref || got.Digest != img.Top.Digest || got.ID != img.Manifest.Config.Digest || got.Config.WorkingDir != "/work" {
		t.Errorf("got %+v", got)
	}
	if !slices.Equal(got.Layers, img.Config.RootFS.DiffIDs) {
		t.Errorf("diff IDs %v, want %v", got.Layers, img.Config.RootFS.DiffIDs)
	}
	paths, err := st.LayerPaths(context.Background(), got)
	if err != nil || len(paths) != 2 {
		t.Fatalf("got layers %q, %v", paths, err)
	}
	for i, want := range []string{"one", "two"} {
		if data, err := os.ReadFile(filepath.Join(paths[i], "etc/motd")); string(data) != want {
			t.Errorf("layer %d has %q (%v), want %q", i, data, err, want)
		}
	}
	clean(t, dir)
	before := len(r.Requests())
	var statuses []image.Status
	var mu sync.Mutex
	again, err := registry.Pull(context.Background(), open(t, dir), ref, registry.Options{Progress: func(e image.Event) {
		mu.Lock()
		defer mu.Unlock()
		statuses = append(statuses, e.Status)
	}})
	if err != nil || again.Digest != got.Digest {
		t.Errorf("second pull: %v, %v", again, err)
	}
	if moved := r.Requests()[before:]; len(moved) != 0 {
		t.Errorf("the second pull moved %q", moved)
	}
	if slices.ContainsFunc(statuses, func(s image.Status) bool { return s != image.Present }) {
		t.Errorf("the second pull reports %v, want only that all was there", statuses)
	}
}

// clean checks that nothing half made is left, and that all there is is what it is called.
func clean(t testing.TB, dir string) {
	t.Helper()
	if left, _ := os.ReadDir(filepath.Join(dir, "tmp")); len(left) != 0 {
		t.Errorf("left in tmp: %v", left)
	}
	blobs, _ := filepath.Glob(filepath.Join(dir, "blobs/*/*"))
	for _, path := range blobs {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := digest.FromBytes(data).Encoded(); got != filepath.Base(path) {
			t.Errorf("a blob called %s is %s", filepath.Base(path), got)
		}
	}
}

func TestPullByDigest(t *testing.T) {
	r := imagetest.NewRegistry(t)
	img := imagetest.New(t, false, imagetest.Gzip, two()...)
	index := imagetest.Index(v1.MediaTypeImageIndex, []string{"linux/" + runtime.GOARCH}, img)
	r.Push("app:v1", index)
	for _, d := range []digest.Digest{img.Top.Digest, index.Top.Digest} {
		st := open(t, t.TempDir())
		ref := r.Host + "/app@" + d.String()
		got, err := registry.Pull(context.Background(), st, ref, registry.Options{})
		if err != nil || got.Digest != img.Top.Digest {
			t.Fatalf("got %v, %v", got.Digest, err)
		}
		if found, err := st.Resolve(ref); err != nil || found.Digest != img.Top.Digest {
			t.Errorf("resolving %s: %v, %v", ref, found.Digest, err)
		}
	}
}

// Every blob and every manifest, damaged in every way, is noticed, and nothing of it stays.
func TestDamaged(t *testing.T) {
	img := imagetest.New(t, false, imagetest.Gzip, two()...)
	top := imagetest.Index(v1.MediaTypeImageIndex, []string{"linux/" + runtime.GOARCH}, img)
	damages := map[string]func([]byte) []byte{
		"a flipped bit":  func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"the first byte": func(b []byte) []byte { b[0] ^= 1; return b },
		"the last byte":  func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"too short":      func(b []byte) []byte { return b[:len(b)-1] },
		"too long":       func(b []byte) []byte { return append(b, 0) },
		"empty":          func(b []byte) []byte { return nil },
		"another layer":  func(b []byte) []byte { return imagetest.Gzip(imagetest.Layer(map[string]string{"evil": "x"})) },
	}
	for d, data := range top.Blobs {
		if d == top.Top.Digest {
			continue // a tag stands for whatever it stands for
		}
		for how, damage := range damages {
			t.Run(fmt.Sprintf("%s of %.15s", how, d), func(t *testing.T) {
				t.Parallel()
				r := imagetest.NewRegistry(t)
				ref := r.Push("app:v1", top)
				bad := damage(slices.Clone(data))
				r.Before(func(w http.ResponseWriter, req *http.Request) bool {
					if !strings.HasSuffix(req.URL.Path, d.String()) {
						return false
					}
					w.Header().Set("Content-Type", v1.MediaTypeImageManifest)
					w.Write(bad)
					return true
				})
				dir := t.TempDir()
				if _, err := registry.Pull(context.Background(), open(t, dir), ref, registry.Options{}); err == nil {
					t.Fatal("no error")
				}
				clean(t, dir)
				images, err := open(t, dir).Images()
				if err != nil || len(images) != 0 {
					t.Errorf("the store has %v, %v", images, err)
				}
				r.Before(nil)
				if _, err := registry.Pull(context.Background(), open(t, dir), ref, registry.Options{}); err != nil {
					t.Errorf("pulling again, now undamaged: %v", err)
				}
			})
		}
	}
}

// A config with diff IDs that are not those of the layers.
func TestWrongDiffID(t *testing.T) {
	img := imagetest.New(t, false, imagetest.Gzip, two()...)
	ids := img.Config.RootFS.DiffIDs
	ids[0], ids[1] = ids[1], ids[0]
	img.Remake()
	r := imagetest.NewRegistry(t)
	dir := t.TempDir()
	_, err := registry.Pull(context.Background(), open(t, dir), r.Push("app:v1", img), registry.Options{})
	if !errors.Is(err, layer.ErrDigest) {
		t.Errorf("got %v", err)
	}
	if layers, _ := filepath.Glob(filepath.Join(dir, "layers/*/*")); len(layers) != 0 {
		t.Errorf("kept %q", layers)
	}
	clean(t, dir)
}

// What a registry says a document is, and what it is, must be one.
func TestMediaTypeConfusion(t *testing.T) {
	img := imagetest.New(t, false, imagetest.Gzip, two()...)
	index := imagetest.Index(v1.MediaTypeImageIndex, []string{"linux/" + runtime.GOARCH}, img)
	tests := []struct {
		name      string
		top       *imagetest.Image
		mediaType string
		ok        bool
	}{
		{"a manifest sent as text", img, "text/plain; charset=utf-8", true},
		{"a manifest with a charset", img, v1.MediaTypeImageManifest + "; charset=utf-8", true},
		{"a manifest sent as nothing", img, "", true},
		{"a manifest sent as an index", img, v1.MediaTypeImageIndex, false},
		{"an index sent as a manifest", index, v1.MediaTypeImageManifest, false},
		{"an OCI manifest sent as Docker's", img, image.DockerManifest, false},
		{"schema 1", img, "application/vnd.docker.distribution.manifest.v1+prettyjws", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := imagetest.NewRegistry(t)
			ref := r.Push("app:v1", test.top)
			r.Before(func(w http.ResponseWriter, req *http.Request) bool {
				if !strings.HasSuffix(req.URL.Path, "/manifests/v1") {
					return false
				}
				w.Header()["Content-Type"] = []string{test.mediaType}
				w.Write(test.top.Blobs[test.top.Top.Digest])
				return true
			})
			_, err := registry.Pull(context.Background(), open(t, t.TempDir()), ref, registry.Options{})
			if (err == nil) != test.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}

// cutting answers requests for one blob with n bytes at a time, and then breaks the connection.
func cutting(d digest.Digest, data []byte, n int, ranges bool, cuts *atomic.Int64) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, req *http.Request) bool {
		if !strings.HasSuffix(req.URL.Path, d.String()) {
			return false
		}
		rest := data
		var from int
		if _, err := fmt.Sscanf(req.Header.Get("Range"), "bytes=%d-", &from); err == nil && ranges {
			rest = data[from:]
			w.Header().Set("Content-Length", fmt.Sprint(len(rest)))
			w.WriteHeader(http.StatusPartialContent)
		} else {
			w.Header().Set("Content-Length", fmt.Sprint(len(rest)))
			n += len(data) / 10 // else it would never end
		}
		if len(rest) <= n {
			w.Write(rest)
			return true
		}
		w.Write(rest[:n])
		w.(http.Flusher).Flush()
		cuts.Add(1)
		panic(http.ErrAbortHandler)
	}
}

// A connection that breaks goes on where it broke, whether or not the registry can begin in the middle.
func TestBrokenConnection(t *testing.T) {
	img := imagetest.New(t, false, nil, two()...)
	d := img.Manifest.Layers[0]
	for _, ranges := range []bool{true, false} {
		t.Run(fmt.Sprint("ranges=", ranges), func(t *testing.T) {
			r := imagetest.NewRegistry(t)
			ref := r.Push("app:v1", img)
			var cuts atomic.Int64
			r.Before(cutting(d.Digest, img.Blobs[d.Digest], int(d.Size)/4, ranges, &cuts))
			dir := t.TempDir()
			st := open(t, dir)
			got, err := registry.Pull(context.Background(), st, ref, registry.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if cuts.Load() < 2 {
				t.Errorf("the connection was cut %d times: the test tests nothing", cuts.Load())
			}
			if _, err := st.LayerPaths(context.Background(), got); err != nil {
				t.Error(err)
			}
			clean(t, dir)
		})
	}
}

// A connection over which nothing more comes is given up for a new one.
func TestStalled(t *testing.T) {
	img := imagetest.New(t, false, nil, two()...)
	d := img.Manifest.Layers[0]
	r := imagetest.NewRegistry(t)
	ref := r.Push("app:v1", img)
	var stalls atomic.Int64
	r.Before(func(w http.ResponseWriter, req *http.Request) bool {
		if !strings.HasSuffix(req.URL.Path, d.Digest.String()) || stalls.Add(1) > 2 {
			return false
		}
		if stalls.Load() == 1 { // the second time not even an answer comes
			w.Header().Set("Content-Length", fmt.Sprint(d.Size))
			w.Write(img.Blobs[d.Digest][:1000])
			w.(http.Flusher).Flush()
		}
		<-req.Context().Done()
		return true
	})
	dir := t.TempDir()
	_, err := registry.Pull(context.Background(), open(t, dir), ref, registry.Options{Idle: 200 * time.Millisecond})
	if err != nil || stalls.Load() < 2 {
		t.Errorf("after %d stalls: %v", stalls.Load(), err)
	}
	clean(t, dir)
}

// A registry that never sends a byte of one blob is given up; what came is not brought again.
func TestGivenUp(t *testing.T) {
	img := imagetest.New(t, false, imagetest.Gzip, two()...)
	r := imagetest.NewRegistry(t)
	ref := r.Push("app:v1", img)
	last := img.Manifest.Layers[1].Digest
	r.Before(func(w http.ResponseWriter, req *http.Request) bool {
		if strings.HasSuffix(req.URL.Path, last.String()) {
			panic(http.ErrAbortHandler)
		}
		return false
	})
	dir := t.TempDir()
	// One at a time, so that the first layer is there when the second fails.
	if _, err := registry.Pull(context.Background(), open(t, dir), ref, registry.Options{Parallel: 1}); err == nil {
		t.Fatal("no error")
	}
	clean(t, dir)
	before := len(r.Requests())
	r.Before(nil)
	if _, err := registry.Pull(context.Background(), open(t, dir), ref, registry.Options{}); err != nil {
		t.Fatal(err)
	}
	if moved := r.Requests()[before:]; len(moved) != 1 || !strings.HasSuffix(moved[0], last.String()) {
		t.Errorf("moved %q, want the last layer only", moved)
	}
}

func TestCancelled(t *testing.T) {
	img := imagetest.New(t, false, nil, two()...)
	r := imagetest.NewRegistry(t)
	ref := r.Push("app:v1", img)
	d := img.Manifest.Layers[0]
	ctx, cancel := context.WithCancel(context.Background())
	r.Before(func(w http.ResponseWriter, req *http.Request) bool {
		if !strings.HasSuffix(req.URL.Path, d.Digest.String()) {
			return false
		}
		w.Header().Set("Content-Length", fmt.Sprint(d.Size))
		w.Write(img.Blobs[d.Digest][:1000])
		w.(http.Flusher).Flush()
		cancel()
		<-req.Context().Done() // the rest never comes
		return true
	})
	dir := t.TempDir()
	if _, err := registry.Pull(ctx, open(t, dir), ref, registry.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	clean(t, dir)
}

// Several pulls of one image at once, each through a store of its own on the same directory, bring each blob once.
func TestAtOnce(t *testing.T) {
	img := imagetest.New(t, false, imagetest.Gzip, append(two(), two()...)...) // with layers that occur twice
	r := imagetest.NewRegistry(t)
	ref := r.Push("app:v1", img)
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			st := open(t, dir)
			got, err := registry.Pull(context.Background(), st, ref, registry.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			if paths, err := st.LayerPaths(context.Background(), got); err != nil || len(paths) != 2 {
				t.Errorf("got layers %q, %v", paths, err)
			}
		})
	}
	wg.Wait()
	if got := len(r.Requests()); got != 3 {
		t.Errorf("%d blobs were asked for, want 3: %q", got, r.Requests())
	}
	images, err := open(t, dir).Images()
	if err != nil || len(images) != 1 {
		t.Errorf("the store has %v, %v", images, err)
	}
	clean(t, dir)
}

// The other tests' registry is our own; this one isn't, nor is the image.
func TestForeignRegistry(t *testing.T) {
	server := httptest.NewServer(ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	ref := strings.TrimPrefix(server.URL, "http://") + "/foreign/image:v1"
	img, err := random.Image(100_000, 5)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, img); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	st := open(t, dir)
	got, err := registry.Pull(context.Background(), st, ref, registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want, err := img.Digest()
	if err != nil || got.Digest.String() != want.String() || len(got.Layers) != 5 {
		t.Errorf("got %v, want %v with 5 layers", got, want)
	}
	clean(t, dir)
}

func TestRefused(t *testing.T) {
	r := imagetest.NewRegistry(t)
	img := imagetest.New(t, false, imagetest.Gzip, two()...)
	foreign := r.Push("foreign:v1", imagetest.Index(v1.MediaTypeImageIndex, []string{"linux/s390x"}, img))
	tests := []struct{ name, ref, want string }{
		{"no such name", r.Host + "/nothing:v1", "404"},
		{"no such platform", foreign, "there is linux/s390x"},
		{"no name at all", "A B", "parsing image name"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := registry.Pull(context.Background(), open(t, t.TempDir()), test.ref, registry.Options{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want something about %q", err, test.want)
			}
		})
	}
}

func TestMain(m *testing.M) {
	if ref := os.Getenv("STAVE_TEST_PULL"); ref != "" {
		pullUntilKilled(ref)
	}
	os.Exit(m.Run())
}
