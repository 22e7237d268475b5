package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"

	"stave/final/image/layer"
)

// What a caller decides on.
var (
	ErrNotFound  = errors.New("no such image")
	ErrAmbiguous = errors.New("several images are meant")
	ErrInUse     = errors.New("image is in use")
	ErrCorrupt   = errors.New("content does not match its digest")
)

// ErrRefused is what a Source wraps when asking again won't help.
var ErrRefused = errors.New("refused")

// Store is a directory of images.
type Store struct {
	dir  string
	opts Options
}

// Options of a store.
type Options struct {
	Kind   layer.Kind   // in what form layers are unpacked; layers of other kinds are left alone
	Limits layer.Limits // layer.DefaultLimits if zero

	// Unpack and RemoveAll, if not nil, take the place of layer.Unpack and layer.Remove: with layer.Mapped they must run
	// in a user namespace that maps the range of ids.
	Unpack    func(ctx context.Context, src io.Reader, dir string, opts layer.Options) (layer.Result, error)
	RemoveAll func(dir string) error

	// InUse, if not nil, tells which images containers use: the manifests' digests, each with a container's name. Such images
	// are not removed.
	InUse func() (map[digest.Digest]string, error)
}

// Open opens the store in dir, which need not exist: the first image makes it. It removes what killed processes left.
func Open(dir string, opts Options) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("opening image store: %w", err)
	}
	if opts.Unpack == nil {
		opts.Unpack = layer.Unpack
	}
	if opts.RemoveAll == nil {
		opts.RemoveAll = layer.Remove
	}
	s := &Store{dir: dir, opts: opts}
	if err := s.removeLeftovers(); err != nil {
		return nil, fmt.Errorf("opening image store: %w", err)
	}
	return s, nil
}

func (s *Store) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

func (s *Store) blobPath(d digest.Digest) string {
	return s.path("blobs", d.Algorithm().String(), d.Encoded())
}

// layerPath is the directory that is renamed into place. What the archive says about the layer's root is in "fs" below
// it: an ordinary user can't rename a directory that says it is not writable.
func (s *Store) layerPath(diffID digest.Digest) string {
	return s.path("layers", diffID.Algorithm().String(), diffID.Encoded()+s.opts.Kind.Suffix())
}

// create makes the layout's files. Layers hold setuid programs that other users of this machine must not reach
// (CVE-2021-41091), so the directory is its owner's alone.
func (s *Store) create() error {
	if _, err := os.Stat(s.path("index.json")); err == nil {
		return nil
	}
	for _, dir := range []string{"", "blobs", "layers", "tmp"} {
		if err := os.MkdirAll(s.path(dir), 0o700); err != nil {
			return err
		}
	}
	if err := writeFile(s.path("oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
		return err
	}
	lock, err := s.lock(context.Background(), lockIndex, exclusive)
	if err != nil {
		return err
	}
	defer lock.Close()
	if _, err := os.Stat(s.path("index.json")); err == nil {
		return nil
	}
	return s.writeIndex(emptyIndex())
}

// writeFile writes a small file whole or not at all. Two writers at once write one after the other's file; both are whole.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails when all went well
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncFile(filepath.Dir(path))
}

// syncFile writes a file, or what names a directory has, to the disk.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
