package script

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Of the toolboxes kept for later, those of other versions go, but not one that somebody has locked.
func TestRemoveOthers(t *testing.T) {
	cache := t.TempDir()
	for _, name := range []string{"toolbox-kept", "toolbox-old", "toolbox-busy", "vm"} {
		if err := os.MkdirAll(filepath.Join(cache, name, "bin"), 0o755); err != nil {
			t.Fatal(err)
		}
		unlock, err := lock(filepath.Join(cache, name+lockSuffix))
		if err != nil {
			t.Fatal(err)
		}
		if name == "toolbox-busy" {
			defer unlock()
		} else {
			unlock()
		}
	}
	removeOthers(filepath.Join(cache, "toolbox-"), filepath.Join(cache, "toolbox-kept"))
	entries, err := os.ReadDir(cache)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	want := []string{"toolbox-busy", "toolbox-busy.lock", "toolbox-kept", "toolbox-kept.lock", "vm", "vm.lock"}
	if !slices.Equal(names, want) {
		t.Errorf("there are %v, want %v", names, want)
	}
}
