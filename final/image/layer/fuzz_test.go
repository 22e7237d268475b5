package layer_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"stave/final/image/layer"
)

// FuzzUnpack unpacks anything. It must come back, and nothing outside may have changed.
func FuzzUnpack(f *testing.F) {
	for _, entries := range [][]entry{
		{dir("a"), file("a/b", "hello"), symlink("c", "a"), hardlink("d", "a/b")},
		{symlink("l", "../outside"), file("l/victim", "x")},
		{dir("d"), symlink("l", "/d"), file("l/.wh.x", ""), file("l/.wh..wh..opq", "")},
		{file(".wh.d", ""), file("d/e", ""), dir("d").mode(0), symlink("d", "..")},
		{node('6', "p", 0, 0), node('3', "c", 1, 3), file(strings.Repeat("n/", 100)+"n", "").pax("SCHILY.xattr.user.x", "y")},
	} {
		f.Add(archive(f, entries...))
	}
	limits := layer.Limits{Bytes: 1 << 20, Entries: 1000, Name: 4095, Ratio: 100, Floor: 1 << 16}
	f.Fuzz(func(t *testing.T, data []byte) {
		p := newPlace(t)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, err := layer.Unpack(ctx, bytes.NewReader(data), p.layer, layer.Options{Kind: layer.Single, Limits: limits})
		if ctx.Err() != nil {
			t.Errorf("took longer than ten seconds: %v", err)
		}
		p.check(t)
	})
}
