package archive_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"stave/final/image/archive"
	"stave/final/image/internal/imagetest"
	"stave/final/image/layer"
	"stave/final/image/store"
)

// FuzzLoad loads anything. Whatever comes of it, the store can be read and has nothing half made.
func FuzzLoad(f *testing.F) {
	img := newImage(f, false, nil)
	f.Add(img.Layout("app"))
	f.Add(imagetest.Layer(saved(f, img, "app:v1", "b")))
	limits := layer.Limits{Bytes: 1 << 20, Entries: 1000, Name: 4095, Ratio: 200, Floor: 1 << 16}
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		st, err := store.Open(dir, store.Options{Kind: layer.Single, Limits: limits})
		if err != nil {
			t.Fatal(err)
		}
		loaded, _ := archive.Load(ctx, st, bytes.NewReader(data), archive.Options{Limits: limits})
		for _, img := range loaded {
			if _, err := st.LayerPaths(ctx, img); err != nil {
				t.Errorf("loaded, but: %v", err)
			}
		}
		if _, err := st.Images(); err != nil {
			t.Error(err)
		}
		if left, _ := os.ReadDir(filepath.Join(dir, "tmp")); len(left) != 0 {
			t.Errorf("left %v", left)
		}
		layer.Remove(dir)
	})
}
