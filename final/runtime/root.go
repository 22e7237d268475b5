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

	"golang.org/x/sys/unix"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"stave/final/plan"
)

// A Root is the directory of containers, one directory each.
type Root string

// idLetters are runc's: what can stand in a file's name and needs no quoting anywhere.
const idLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+.-"

func (r Root) dir(id string) (string, error) {
	if id == "" || strings.Trim(id, idLetters) != "" || id == "." || id == ".." {
		return "", fmt.Errorf("%w: %q", ErrInvalidID, id)
	}
	return filepath.Join(string(r), id), nil
}

// Load reads a container. It takes no lock, so that hooks may ask for the state of the container they belong to.
func (r Root) Load(id string) (*Instance, error) {
	dir, err := r.dir(id)
	if err != nil {
		return nil, err
	}
	i := &Instance{dir: dir}
	b, err := plan.ReadFile(i.path(stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("container %s: %w", id, ErrNotExist)
	}
	if err == nil {
		err = json.Unmarshal(b, &i.record)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the state of container %s: %w", id, err)
	}
	if i.Creator == 0 {
		return nil, fmt.Errorf("container %s: %w", id, ErrOthers)
	}
	return i, nil
}

// List are all containers. Those whose state can't be read come back as an error beside the others.
func (r Root) List() ([]*Instance, error) {
	entries, err := os.ReadDir(string(r))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing containers: %w", err)
	}
	var list []*Instance
	var errs []error
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		i, err := r.Load(entry.Name())
		if err != nil {
			errs = append(errs, err)
			continue
		}
		list = append(list, i)
	}
	return list, errors.Join(errs...)
}

// locked reads a container whose lock it has waited for. The lock is on the directory (flock(2)) and ends with the process that holds it, whatever happens
// to it.
func (r Root) locked(id string) (*Instance, error) {
	dir, err := r.dir(id)
	if err != nil {
		return nil, err
	}
	lock, err := lockDir(dir, func() {})
	if err != nil {
		return nil, fmt.Errorf("container %s: %w", id, err)
	}
	i, err := r.Load(id)
	if err != nil {
		lock.Close()
		return nil, err
	}
	i.lock = lock
	return i, nil
}

// lockDir opens a container's directory and waits for the lock on it; see [takeLock]. A directory that was removed in the meantime doesn't exist.
func lockDir(dir string, busy func()) (*os.File, error) {
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("opening its directory: %w", err)
	}
	if err := takeLock(f, busy); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// errBusy is what comes of waiting for somebody who may be waiting for us: one that runs a hook, and the hook has called us.
var errBusy = errors.New("it is busy: another command works on it, perhaps the one that runs this hook; try again when that has ended")

// patience is how long a command waits for another.
const patience = 10 * time.Second

// takeLock locks a container's directory. While somebody else has the lock, busy is called again and again, because that one goes on meanwhile.
func takeLock(dir *os.File, busy func()) error {
	deadline := time.Now().Add(patience)
	for wait := 100 * time.Microsecond; ; wait = min(2*wait, 10*time.Millisecond) {
		err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err != nil && err != unix.EWOULDBLOCK && err != unix.EINTR {
			return fmt.Errorf("locking its directory: %w", err)
		}
		var st unix.Stat_t
		if serr := unix.Fstat(int(dir.Fd()), &st); serr != nil || st.Nlink == 0 {
			return ErrNotExist
		}
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return errBusy
		}
		busy()
		time.Sleep(wait) // flock(2) waits for ever or not at all
	}
}

// unlock gives the lock back. Closing the descriptor wouldn't, while a forked child has it too.
func (i *Instance) unlock() {
	if i.lock != nil {
		_ = unix.Flock(int(i.lock.Fd()), unix.LOCK_UN) // it ends with this process anyway
		i.lock.Close()
		i.lock = nil
	}
}

// readSpec reads a configuration. Any 1.x of the specification is understood: what is newer and unknown in it has no field to land in.
func readSpec(name string) (*specs.Spec, error) {
	b, err := plan.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	s, err := decode(b)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration %s: %w", name, err)
	}
	if !strings.HasPrefix(s.Version, "1.") {
		return nil, fmt.Errorf("reading the configuration %s: its ociVersion is %q, and this runtime knows 1.x", name, s.Version)
	}
	return s, nil
}

// decode takes a configuration's JSON apart. What is for other systems is looked at only as far as to say that it is there: package json takes time
// for every type that it meets, and a fifth of them is about Windows.
func decode(b []byte) (*specs.Spec, error) {
	var s struct {
		specs.Spec
		// In place of the fields of the same name: the one less deep counts (package json, "Marshal").
		Solaris *struct{} `json:"solaris"`
		Windows *struct{} `json:"windows"`
		VM      *struct{} `json:"vm"`
		ZOS     *struct{} `json:"zos"`
		FreeBSD *struct{} `json:"freebsd"`
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, err
	}
	if s.Solaris != nil || s.Windows != nil || s.VM != nil || s.ZOS != nil || s.FreeBSD != nil {
		s.Spec.VM = &specs.VM{}
	}
	return &s.Spec, nil
}
