package engine

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"stave/final/runtime"
)

// ErrNameInUse is returned when another container has the name.
var ErrNameInUse = errors.New("the name is in use by another container")

// A Record is what is known of a container, in its directory's container.json.
type Record struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Image   string    `json:"image"`
	Created time.Time `json:"created"`
	// Digest is the image's, which may not be removed; empty for a directory.
	Digest digest.Digest `json:"digest,omitempty"`
	// Layers are the unpacked layers it stands on, lowest first.
	Layers []string `json:"layers,omitempty"`
	// Cgroups are the directories it makes, written here before they are made.
	Cgroups []string `json:"cgroups,omitempty"`
	// Monitor and MonitorStart are the process that looks after it, and when that started.
	Monitor      int    `json:"monitor"`
	MonitorStart uint64 `json:"monitorStart"`
	// Pid and Start are its first process and when that started, in clock ticks since boot (proc(5)), once it runs.
	Pid   int    `json:"pid,omitempty"`
	Start uint64 `json:"start,omitempty"`
}

// A container is one whose lock this process holds.
type container struct {
	Record
	dir  string
	lock *os.File
}

var nameRule = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

// create makes the directory of a new container and takes its lock.
func (e *Engine) create(r Record) (*container, error) {
	if r.Name != "" && !nameRule.MatchString(r.Name) {
		return nil, fmt.Errorf("container name %q: use letters, digits, _ . and -, and begin with a letter or digit", r.Name)
	}
	unlock, err := e.lockAll()
	if err != nil {
		return nil, err
	}
	defer unlock()
	var id [6]byte
	rand.Read(id[:]) // never fails (crypto/rand)
	r.ID = hex.EncodeToString(id[:])
	if r.Name == "" {
		r.Name = r.ID
	}
	r.Monitor, r.MonitorStart = os.Getpid(), runtime.Started(os.Getpid())
	others, err := e.records()
	if err != nil {
		return nil, err
	}
	for _, o := range others {
		if o.Name == r.Name || o.ID == r.Name {
			return nil, fmt.Errorf("container name %q: %w", r.Name, ErrNameInUse)
		}
	}
	c := &container{Record: r, dir: filepath.Join(e.containers(), r.ID)}
	if err := os.Mkdir(c.dir, 0o711); err != nil {
		return nil, fmt.Errorf("making the container's directory: %w", err)
	}
	if c.lock, err = lockFile(filepath.Join(c.dir, "lock"), unix.LOCK_EX); err == nil {
		err = c.save()
	}
	if err != nil {
		os.RemoveAll(c.dir)
		return nil, err
	}
	return c, nil
}

// save writes the record, whole or not at all.
func (c *container) save() error {
	b, err := json.MarshalIndent(c.Record, "", "  ")
	if err != nil {
		return err
	}
	if err := runtime.Replace(c.path("container.json"), append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("writing the container's record: %w", err)
	}
	return nil
}

// path is a file or directory of the container's own.
func (c *container) path(name string) string { return filepath.Join(c.dir, name) }

// records are all containers on record, dead ones too, but for those whose record can't be read, of which Sweep warns. The caller holds the lock of all.
func (e *Engine) records() ([]Record, error) {
	entries, err := os.ReadDir(e.containers())
	if err != nil {
		return nil, fmt.Errorf("listing containers: %w", err)
	}
	var list []Record
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		if r, err := readRecord(filepath.Join(e.containers(), entry.Name())); err == nil {
			list = append(list, r)
		}
	}
	return list, nil
}

// readRecord reads a container's record. One that was never written is a container of which nothing was made but its directory; of one that a power failure
// emptied nothing else is left.
func readRecord(dir string) (Record, error) {
	b, err := os.ReadFile(filepath.Join(dir, "container.json"))
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(b) == 0 {
		return Record{ID: filepath.Base(dir)}, nil
	}
	var r Record
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		return r, fmt.Errorf("reading the record of container %s: %w", filepath.Base(dir), err)
	}
	return r, nil
}

// lockFile opens a file and takes a lock on it (flock(2)), which ends with the process whatever happens to it.
func lockFile(name string, how int) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock: %w", err)
	}
	for {
		err = unix.Flock(int(f.Fd()), how)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("locking %s: %w", name, err)
	}
	return f, nil
}

// lockAll takes the lock under which container directories come and go.
func (e *Engine) lockAll() (unlock func(), err error) {
	f, err := lockFile(filepath.Join(e.root, "containers.lock"), unix.LOCK_EX)
	if err != nil {
		return nil, err
	}
	return func() { f.Close() }, nil
}
