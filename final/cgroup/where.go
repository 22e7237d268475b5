package cgroup

import (
	"os"
	"path/filepath"
	"strings"
)

// A Where says where among the cgroups a container's is to be.
type Where struct {
	// Path is linux.cgroupsPath: an absolute one begins at the top of each hierarchy, a relative one at this process's own
	// cgroup. On version 2 it begins beside that, because a cgroup with processes can't hand controllers down.
	Path string
	// Name is the directory at the top, or in what was delegated, if there is no Path.
	Name string
	// Privileged says that this process is root as far as the whole machine is concerned. Anybody else has what was delegated.
	Privileged bool
	// Systemd says that systemd is to make it, and Path is "slice:prefix:name". Manager is the user's own, for those who aren't privileged.
	Systemd bool
	Manager Manager
	// Annotations are the container's: some are properties for systemd, "org.systemd.property.NAME".
	Annotations map[string]string
	// All has the container join every hierarchy and keeps it from all devices but those that are allowed; otherwise it joins
	// only those with limits, and version 2 where there is no other.
	All bool
	// Owner is the user of the host who shall own the cgroup, root of a user namespace. It matters only on version 2.
	Owner *uint32

	request *request // with Systemd
}

// place is a directory that exists in a hierarchy, and the names from there down to the container's.
func (w Where) place(h Hierarchy) (top string, below []string, err error) {
	top = h.Mount
	if w.request != nil {
		if !w.Privileged {
			top = filepath.Join(top, w.Manager.Cgroup)
		}
		return top, w.request.below, nil
	}
	if !w.Privileged {
		if top = h.Delegated; top == "" {
			return "", nil, ErrNotDelegated
		}
	}
	full := filepath.Join(top, w.Name)
	switch {
	case filepath.IsAbs(w.Path):
		full = filepath.Join(h.Mount, filepath.Clean(w.Path))
	case w.Path != "" && h.V2:
		full = filepath.Join(h.Mount, filepath.Dir(h.Own), filepath.Join("/", w.Path))
	case w.Path != "":
		full = filepath.Join(h.Mount, h.Own, filepath.Join("/", w.Path))
	}
	rel, err := filepath.Rel(top, full)
	if err != nil || !filepath.IsLocal(rel) || rel == "." {
		return "", nil, ErrNotDelegated
	}
	return top, strings.Split(rel, "/"), nil
}

// controllers are those of a hierarchy that the container's cgroup can have.
func (w Where) controllers(h Hierarchy) []string {
	if w.Privileged || !h.V2 {
		return h.Controllers
	}
	if w.Systemd {
		return w.Manager.Controllers
	}
	return h.Handed
}

// delegable are the files that go to the owner of a cgroup with it.
func (w Where) delegable() []string {
	if w.Owner == nil {
		return nil
	}
	if b, err := os.ReadFile("/sys/kernel/cgroup/delegate"); err == nil {
		return strings.Fields(string(b))
	}
	return []string{"cgroup.procs", "cgroup.subtree_control", "cgroup.threads"}
}
