package host

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// A Snapshot is what the machine holds at one moment. Each thing has an identity, the key, and words for it.
type Snapshot struct {
	Mounts     map[string]string
	Cgroups    map[string]string
	Links      map[string]string
	Namespaces map[string]string
	Processes  map[string]string
	Files      map[string]string // of the directories asked for
}

// Scope is whose processes, and what namespaces along with them, are in a Snapshot.
type Scope int

// Everybody is for a machine on which nothing else is going on. Descendants are those of this process, which should be their
// subreaper: otherwise it loses those whose parents end. Of the cgroups it then takes only Stave's, for whoever looks after
// the machine makes and removes others at any time.
const (
	Everybody Scope = iota
	Descendants
)

// Take makes a snapshot of the machine and of everything below the directories.
func Take(scope Scope, directories ...string) (Snapshot, error) {
	s := Snapshot{
		Mounts:     make(map[string]string),
		Cgroups:    make(map[string]string),
		Links:      make(map[string]string),
		Namespaces: make(map[string]string),
		Processes:  make(map[string]string),
		Files:      make(map[string]string),
	}
	mounts, err := ownMounts()
	if err != nil {
		return s, err
	}
	for _, m := range mounts {
		s.Mounts[m.line] = m.String()
		if m.Type == "nsfs" {
			s.Namespaces[m.Root] = fmt.Sprintf("namespace %s bound to %s", m.Root, m.Point)
		}
	}
	dirs, err := cgroups()
	if err != nil {
		return s, err
	}
	for _, dir := range dirs {
		if scope == Everybody || isStaves(dir) {
			s.Cgroups[dir] = "cgroup " + dir
		}
	}
	list, err := links()
	if err != nil {
		return s, err
	}
	for _, l := range list {
		s.Links[fmt.Sprint(l.Index, l.Name)] = l.String()
	}
	if err := s.takeProcesses(scope); err != nil {
		return s, err
	}
	for _, dir := range directories {
		if err := s.takeFiles(dir); err != nil {
			return s, err
		}
	}
	return s, nil
}

// takeProcesses also takes the namespaces they are in, and those that we are in ourselves.
func (s Snapshot) takeProcesses(scope Scope) error {
	running, err := processes()
	if err != nil {
		return err
	}
	if scope == Descendants {
		running = descendants(running)
	}
	s.takeNamespaces(Process{PID: os.Getpid(), Command: "this one"})
	for _, p := range running {
		s.Processes[fmt.Sprint(p.PID, " ", p.Start)] = p.String()
		s.takeNamespaces(p)
	}
	return nil
}

func (s Snapshot) takeNamespaces(p Process) {
	kinds, err := os.ReadDir(p.proc("ns"))
	if err != nil {
		return // gone, or another user's
	}
	for _, kind := range kinds {
		ns, err := os.Readlink(p.proc("ns/" + kind.Name()))
		if err == nil && s.Namespaces[ns] == "" {
			s.Namespaces[ns] = fmt.Sprintf("namespace %s, which has %s in it", ns, p)
		}
	}
}

func (s Snapshot) takeFiles(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if path == dir && os.IsNotExist(err) {
				return nil // then it must not be there afterwards either
			}
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		words := fmt.Sprintf("%s %s", info.Mode(), path)
		if info.Mode().IsRegular() {
			words += fmt.Sprintf(", %d bytes, written %s", info.Size(), info.ModTime().Format(time.RFC3339Nano))
		}
		s.Files[words] = words
		return nil
	})
}

// Diff says in words what has come and what has gone. A process that has ended is no change to the machine, nor is a
// namespace that went with it: only the coming of those is told.
func Diff(before, after Snapshot) []string {
	var changes []string
	added := func(before, after map[string]string) {
		for _, key := range slices.Sorted(maps.Keys(after)) {
			if _, ok := before[key]; !ok {
				changes = append(changes, "new: "+after[key])
			}
		}
	}
	removed := func(before, after map[string]string) {
		for _, key := range slices.Sorted(maps.Keys(before)) {
			if _, ok := after[key]; !ok {
				changes = append(changes, "gone: "+before[key])
			}
		}
	}
	for _, pair := range [][2]map[string]string{
		{before.Mounts, after.Mounts},
		{before.Cgroups, after.Cgroups},
		{before.Links, after.Links},
		{before.Files, after.Files},
	} {
		added(pair[0], pair[1])
		removed(pair[0], pair[1])
	}
	added(before.Namespaces, after.Namespaces)
	added(before.Processes, after.Processes)
	return changes
}

// Changes waits until the machine is as it was before, and returns nil, or gives up and says in words what differs.
func (before Snapshot) Changes(patience time.Duration, scope Scope, directories ...string) []string {
	return waitForNone(patience, func() []string {
		after, err := Take(scope, directories...)
		if err != nil {
			return []string{fmt.Sprintf("unknown: %v", err)}
		}
		return Diff(before, after)
	})
}
