package registry_test

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stave/final/image/internal/imagetest"
	"stave/final/image/layer"
	"stave/final/image/registry"
	"stave/final/image/store"
)

// pullUntilKilled pulls and removes an image again and again, in a process of its own.
func pullUntilKilled(ref string) {
	for {
		st, err := store.Open(os.Getenv("STAVE_TEST_STORE"), store.Options{Kind: layer.Here()})
		if err == nil {
			_, err = registry.Pull(context.Background(), st, ref, registry.Options{})
		}
		if err == nil {
			_, err = st.Remove(context.Background(), ref)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// Killed at any moment, a pull or a removal leaves nothing that a later command would trust and should not, and nothing in
// tmp once a later command has run.
func TestKilled(t *testing.T) {
	files := map[string]string{}
	for i := range 300 {
		files[fmt.Sprintf("d%d/f%d", i%20, i)] = strings.Repeat(fmt.Sprint(i), i)
	}
	img := imagetest.New(t, false, imagetest.Gzip, append(two(), imagetest.Layer(files))...)
	r := imagetest.NewRegistry(t)
	ref := r.Push("app:v1", img)
	r.Before(slowly)
	dir := t.TempDir()
	unfinished := 0
	for round := range 30 {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), "STAVE_TEST_PULL="+ref, "STAVE_TEST_STORE="+dir)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond) // the moment is the point
		cmd.Process.Kill()
		cmd.Wait()
		if stderr.Len() > 0 {
			t.Fatalf("round %d: the process failed before it was killed: %s", round, stderr.String())
		}
		if left, _ := os.ReadDir(filepath.Join(dir, "tmp")); len(left) > 0 {
			unfinished++
		}
		afterKill(t, dir, ref, len(files))
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	t.Logf("%d of 30 were killed with work unfinished", unfinished)
	r.Before(nil)
	if _, err := registry.Pull(context.Background(), open(t, dir), ref, registry.Options{}); err != nil {
		t.Error(err)
	}
}

// slowly gives the killer a chance.
func slowly(_ http.ResponseWriter, r *http.Request) bool {
	time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond)
	return false
}

func afterKill(t *testing.T, dir, ref string, files int) {
	t.Helper()
	st := open(t, dir)
	clean(t, dir)
	images, err := st.Images()
	if err != nil {
		t.Errorf("listing images: %v", err)
	}
	for _, img := range images {
		paths, err := st.LayerPaths(context.Background(), img)
		if err != nil || len(paths) != 3 {
			t.Errorf("an image that is there has layers %q, %v", paths, err)
		}
	}
	// Every layer that has its name is whole, used or not.
	roots, _ := filepath.Glob(filepath.Join(dir, "layers/*/*/fs"))
	for _, root := range roots {
		n := 0
		filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasPrefix(d.Name(), "f") && strings.HasPrefix(filepath.Base(filepath.Dir(path)), "d") {
				n++
			}
			return err
		})
		if n != 0 && n != files {
			t.Errorf("layer %s has %d files of %d", root, n, files)
		}
	}
}
