package engine

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"

	"stave/final/image/layer"
	"stave/final/image/store"
	"stave/final/runtime"
	"stave/final/user"
)

// An Engine is all state below one directory.
type Engine struct {
	root    string
	host    runtime.Host
	mapping *user.Mapping // nil if privileged
	Images  *store.Store
}

// DefaultRoot is where state is kept: a system directory for root, the user's data directory (XDG Base Directory Specification) for anybody else.
func DefaultRoot() (string, error) {
	if runtime.Privileged() {
		return "/var/lib/stave", nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "stave"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("finding a directory for images and containers: %w: name one with --root", err)
	}
	return filepath.Join(home, ".local", "share", "stave"), nil
}

// Open makes the directory ready and clears away what an earlier command that died has left in it.
func Open(root string) (*Engine, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	host, err := runtime.Look()
	if err != nil {
		return nil, err
	}
	e := &Engine{root: root, host: host}
	options := store.Options{Kind: layer.Here(), RemoveAll: e.removeDir, InUse: e.inUse}
	if !host.Privileged {
		m := user.ForCaller()
		e.mapping = &m
		if m.Helpers {
			options.Kind, options.Unpack = layer.Mapped, unpackElsewhere
		}
	}
	if err := e.makePlaces(); err != nil {
		return nil, fmt.Errorf("making %s: %w: name another directory with --root", root, err)
	}
	// 0711: root of a user namespace goes through here as somebody else.
	if err := os.MkdirAll(e.containers(), 0o711); err != nil {
		return nil, fmt.Errorf("making %s: %w: name another directory with --root", root, err)
	}
	if err := e.Sweep(); err != nil {
		return nil, err
	}
	e.Images, err = store.Open(filepath.Join(root, "images"), options)
	return e, err
}

// makePlaces makes a layer to be below every image's, with the files that those of /etc are mounted on. Where an image lacks them they would have to be made in each
// container's own layer, and removed with it.
func (e *Engine) makePlaces() error {
	etc := filepath.Join(e.places(), "etc")
	if _, err := os.Stat(filepath.Join(etc, etcFiles[len(etcFiles)-1])); err == nil {
		return nil
	}
	err := os.MkdirAll(etc, 0o755)
	for _, name := range etcFiles {
		if err == nil {
			err = os.WriteFile(filepath.Join(etc, name), nil, 0o644)
		}
	}
	return err
}

func (e *Engine) places() string { return filepath.Join(e.root, "places") }

func (e *Engine) containers() string { return filepath.Join(e.root, "containers") }

// self is how this program is called again for the same state.
func (e *Engine) self() []string { return []string{"--root", e.root} }

// Enter runs a command of this program as root of a user namespace if that is needed to write files of subordinate ids. done tells
// whether it was, and code is then the command's exit code.
func (e *Engine) Enter(args ...string) (done bool, code int, err error) {
	if e.mapping == nil || !e.mapping.Helpers {
		return false, 0, nil
	}
	code, err = e.mapping.Enter(append(e.self(), args...))
	return true, code, err
}

// inUse are the images that containers stand on, by the digest of their manifest, each with a container's name.
func (e *Engine) inUse() (map[digest.Digest]string, error) {
	unlock, err := e.lockAll()
	if err != nil {
		return nil, err
	}
	defer unlock()
	list, err := e.records()
	if err != nil {
		return nil, err
	}
	used := map[digest.Digest]string{}
	for _, r := range list {
		used[r.Digest] = r.Name
	}
	return used, nil
}
