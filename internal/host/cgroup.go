package host

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// cgroups lists the directories of all hierarchies that are mounted, v1 and v2.
func cgroups() ([]string, error) {
	mounts, err := ownMounts()
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, m := range mounts {
		if m.Type != "cgroup" && m.Type != "cgroup2" {
			continue
		}
		// A cgroup that vanishes during the walk was not left behind; one we may not read is not ours.
		filepath.WalkDir(m.Point, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return fs.SkipDir
			}
			if d.IsDir() && path != m.Point {
				dirs = append(dirs, path)
			}
			return nil
		})
	}
	slices.Sort(dirs)
	return slices.Compact(dirs), nil
}

// isStaves reports whether a cgroup is one of ours, or in one of ours: steps name them stave-PID, stave stave/ID.
func isStaves(cgroup string) bool {
	return slices.ContainsFunc(strings.Split(cgroup, "/"), func(name string) bool { return strings.HasPrefix(name, "stave") })
}

// populated reports whether a process is in the cgroup or below it. cgroup.events has that in v2; v1 has no such file.
func populated(cgroup string) bool {
	if events, err := os.ReadFile(filepath.Join(cgroup, "cgroup.events")); err == nil {
		return strings.Contains(string(events), "populated 1")
	}
	found := false
	filepath.WalkDir(cgroup, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil
		}
		if procs, err := os.ReadFile(filepath.Join(path, "cgroup.procs")); err == nil && len(procs) > 0 {
			found = true
			return fs.SkipAll
		}
		return nil
	})
	return found
}
