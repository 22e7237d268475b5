package runtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/cgroup"
	"stave/final/plan"
	"stave/final/security"
)

// What a caller decides on. The words are runc's, because containerd looks for them in what a runtime prints.
var (
	ErrExist      = errors.New("container with given ID already exists")
	ErrNotExist   = errors.New("container does not exist")
	ErrNotRunning = errors.New("container not running")
	ErrNotPaused  = errors.New("container not paused")
	ErrInvalidID  = errors.New("invalid container ID format")
)

// ErrOthers is a container that another runtime has on record: containerd gives the same root to all. Nothing here knows its process, so it would
// look like one that has stopped, and be deleted while it runs.
var ErrOthers = errors.New("another runtime has made this container, and has to be asked about it")

// Paused is the one status that runtime.md of the specification doesn't have.
const Paused specs.ContainerState = "paused"

// A State is what is told of a container: what runtime.md ("State") asks for, and what runc adds to it.
type State struct {
	Version string               `json:"ociVersion"`
	ID      string               `json:"id"`
	Pid     int                  `json:"pid"`
	Status  specs.ContainerState `json:"status"`
	// Bundle and Rootfs are absolute paths.
	Bundle      string            `json:"bundle"`
	Rootfs      string            `json:"rootfs"`
	Created     time.Time         `json:"created"`
	Annotations map[string]string `json:"annotations,omitempty"`
	// Owner is the user who made the container.
	Owner string `json:"owner"`
}

// A record is a container's state.json: the state as it was when written, and what is needed later on. Its status isn't believed: only the process
// itself says whether it runs.
type record struct {
	State
	// Start is when Pid started; see stat.
	Start uint64 `json:"start"`
	// Creator is the process that makes the container, and CreatorStart when that started. Whatever it has forked started later.
	Creator      int    `json:"creator"`
	CreatorStart uint64 `json:"creatorStart"`
	// Cgroups are the directories it makes, written here before they are made.
	Cgroups []string `json:"cgroups,omitempty"`
	// Unit is a cgroup.Unit, what systemd has of it, if systemd makes the cgroups. It and Hooks are left to those few commands that want them: package json takes
	// time for every type that it meets for the first time.
	Unit json.RawMessage `json:"unit,omitempty"`
	// SharedPID says that its pid namespace is somebody else's, so that the kernel doesn't end all others with the first process.
	SharedPID bool `json:"sharedPid,omitempty"`
	// Nothing says that the configuration has no process: it can be created and not started.
	Nothing bool `json:"nothing,omitempty"`
	// Hooks is a specs.Hooks with those that come after create.
	Hooks json.RawMessage `json:"hooks,omitempty"`
}

// An Instance is a container on record.
type Instance struct {
	record
	dir    string           // of its own, below the root
	lock   *os.File         // the directory, locked; nil while the lock isn't held
	spec   *specs.Spec      // once it was asked for
	filter *security.Filter // goes with it
	group  *cgroup.Group    // the same
	paused bool             // when [Root.Running] looked
}

// Dir is the container's directory below the root.
func (i *Instance) Dir() string { return i.dir }

func (i *Instance) path(name string) string { return filepath.Join(i.dir, name) }

// The files in a container's directory.
const (
	stateFile   = "state.json"
	furtherFile = "further.json" // for further processes
	filterFile  = "filter"       // their compiled seccomp filter
	gateFile    = "start"        // the FIFO at which the created process waits
	childFile   = "child"        // the forked process, before state.json has it
	mountDir    = "root"         // what the root is mounted on, if the container has no mount namespace of its own
)

// save writes the record, whole or not at all.
func (i *Instance) save() error {
	b, err := json.Marshal(&i.record)
	if err == nil {
		err = Replace(i.path(stateFile), b, 0o600)
	}
	if err != nil {
		return fmt.Errorf("writing the state of container %s: %w", i.ID, err)
	}
	return nil
}

// Replace writes a file, whole or not at all for whoever reads it. An older one and the new one trade places and then the old one goes: where a rename
// replaces a file, ext4 begins to write the new one to the disk, and whoever removes that soon after waits for the disk (ext4(5), auto_da_alloc), some
// milliseconds for a container that lives for less. After a power failure the file may be empty.
func Replace(name string, b []byte, mode fs.FileMode) error {
	dir, base := filepath.Split(name)
	tmp := dir + "." + base + ".new"
	if err := os.WriteFile(tmp, b, mode); err != nil {
		return err
	}
	if err := unix.Renameat2(unix.AT_FDCWD, tmp, unix.AT_FDCWD, name, unix.RENAME_EXCHANGE); err != nil {
		return os.Rename(tmp, name) // there is none yet, or the filesystem can't trade
	}
	return os.Remove(tmp)
}

// A further is what a process that comes later goes by, as it was at create: later changes of the bundle's have no effect (runtime.md, "Create"). It is as little as that
// takes, because Docker has a process run every few seconds to see whether a container is well.
type further struct {
	Process     *specs.Process          `json:"process"`
	UIDMappings []specs.LinuxIDMapping  `json:"uidMappings,omitempty"`
	GIDMappings []specs.LinuxIDMapping  `json:"gidMappings,omitempty"`
	Personality *specs.LinuxPersonality `json:"personality,omitempty"`
	// Seccomp is a *specs.LinuxSeccomp that has to be compiled: one whose filter wasn't saved.
	Seccomp json.RawMessage `json:"seccomp,omitempty"`
}

// newFurther takes it from a configuration that nothing was added to yet.
func newFurther(s *specs.Spec) (f further) {
	if s.Process != nil {
		process := *s.Process
		f.Process = &process
	}
	if l := s.Linux; l != nil {
		f.UIDMappings, f.GIDMappings, f.Personality = l.UIDMappings, l.GIDMappings, l.Personality
	}
	return f
}

// saveFurther writes it down.
func (i *Instance) saveFurther(f further, seccomp *specs.LinuxSeccomp, filter *security.Filter) (err error) {
	saved := filter.Save()
	if saved == nil && seccomp != nil {
		f.Seccomp, err = json.Marshal(seccomp)
	}
	var b []byte
	if err == nil {
		b, err = json.Marshal(f)
	}
	if err == nil {
		err = os.WriteFile(i.path(furtherFile), b, 0o600)
	}
	if err == nil && saved != nil {
		err = os.WriteFile(i.path(filterFile), saved, 0o600)
	}
	if err != nil {
		return fmt.Errorf("keeping what further processes go by: %w", err)
	}
	return nil
}

// Spec is the configuration the container was made from, as far as it matters to a further process.
func (i *Instance) Spec() (*specs.Spec, error) {
	if i.spec != nil {
		return i.spec, nil
	}
	var f further
	b, err := plan.ReadFile(i.path(furtherFile))
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	l := &specs.Linux{UIDMappings: f.UIDMappings, GIDMappings: f.GIDMappings, Personality: f.Personality}
	if err == nil && f.Seccomp != nil {
		err = json.Unmarshal(f.Seccomp, &l.Seccomp)
	} else if err == nil {
		i.filter, err = i.savedFilter()
	}
	if err != nil {
		return nil, fmt.Errorf("reading the configuration of container %s: %w", i.ID, err)
	}
	i.spec = &specs.Spec{Process: f.Process, Linux: l}
	return i.spec, nil
}

// savedFilter is the compiled filter, or nil if the container has none.
func (i *Instance) savedFilter() (*security.Filter, error) {
	b, err := plan.ReadFile(i.path(filterFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	f := security.Saved(b)
	if err == nil && f == nil {
		err = fmt.Errorf("%s is damaged", i.path(filterFile))
	}
	return f, err
}

// unit is what systemd has of the container; nil if that is nothing.
func (i *Instance) unit() (u *cgroup.Unit, err error) {
	if i.Unit != nil {
		err = json.Unmarshal(i.Unit, &u)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the unit of container %s: %w", i.ID, err)
	}
	return u, nil
}

// laterHooks are those that come after create.
func (i *Instance) laterHooks() (h specs.Hooks, err error) {
	if i.Hooks != nil {
		err = json.Unmarshal(i.Hooks, &h)
	}
	if err != nil {
		return h, fmt.Errorf("reading the hooks of container %s: %w", i.ID, err)
	}
	return h, nil
}

// cgroup is the container's, found by the directories on record.
func (i *Instance) cgroup() cgroup.Group {
	if i.group == nil {
		g := cgroup.Open(i.Cgroups)
		i.group = &g
	}
	return *i.group
}

// process looks at the container's first process. It returns false if that has ended or never was.
func (i *Instance) process() (stat, bool) {
	s, alive := look(i.Pid)
	return s, alive && s.start == i.Start
}

// Now is the state at this moment.
func (i *Instance) Now() State {
	s := i.State
	p, alive := i.process()
	switch {
	case alive && i.frozen():
		s.Status = Paused
	case alive && p.flags&forkedOnly != 0:
		s.Status = specs.StateCreated
	case alive:
		s.Status = specs.StateRunning
	case i.Pid == 0 && i.creating():
		s.Status = specs.StateCreating
	default:
		s.Status, s.Pid = specs.StateStopped, 0
	}
	return s
}

func (i *Instance) frozen() bool {
	frozen, err := i.cgroup().Frozen()
	return err == nil && frozen
}

// creating tells whether the process that makes the container is still at it.
func (i *Instance) creating() bool {
	s, alive := look(i.Creator)
	return alive && s.start == i.CreatorStart
}

// orphan is the forked process of a create that was killed before it could write down its pid, and when it started; 0 if there is none. As proof serves
// that it started with its creator or soon after.
func (i *Instance) orphan() (pid int, start uint64) {
	b, err := plan.ReadFile(i.path(childFile))
	if err != nil || i.Pid != 0 {
		return 0, 0
	}
	if _, err := fmt.Sscan(string(b), &pid); err != nil {
		return 0, 0
	}
	const soon = 60 * 100 // clock ticks; USER_HZ is 100 on every machine (time(7))
	s, alive := look(pid)
	if !alive || s.start < i.CreatorStart || s.start > i.CreatorStart+soon {
		return 0, 0
	}
	return pid, s.start
}

// open returns a pidfd of the container's first process, or ErrNotRunning. What is done with it hits that process or nobody.
func (i *Instance) open() (int, error) {
	fd, err := unix.PidfdOpen(i.Pid, 0)
	if i.Pid <= 0 || err == unix.ESRCH || err == unix.EINVAL {
		return -1, ErrNotRunning
	}
	if err != nil {
		return -1, fmt.Errorf("opening a pidfd of process %d: %w", i.Pid, err)
	}
	if _, alive := i.process(); !alive {
		unix.Close(fd)
		return -1, ErrNotRunning
	}
	return fd, nil
}

// hookState is the state as hooks read it (config.md, "POSIX-platform Hooks"), in two halves with the pid between them.
func (i *Instance) hookState(status string) (prefix, suffix string) {
	before, _ := json.Marshal(struct {
		Version string `json:"ociVersion"`
		ID      string `json:"id"`
		Status  string `json:"status"`
	}{i.Version, i.ID, status})
	after, _ := json.Marshal(struct {
		Bundle      string            `json:"bundle"`
		Annotations map[string]string `json:"annotations,omitempty"`
	}{i.Bundle, i.Annotations})
	return strings.TrimSuffix(string(before), "}") + `,"pid":`, "," + string(after[1:]) + "\n"
}
