package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"stave/final/image"
)

// Removed says what Remove did.
type Removed struct {
	Untagged string          // the name taken from the image, if it had one
	Deleted  []digest.Digest // manifests, configs and layers (as compressed) that nothing needs any more
}

// Remove takes a name from an image. With its last name, or when it is meant by digest, the image goes, and with it the
// blobs and unpacked layers that no other image has. It returns ErrInUse while a container uses the image.
func (s *Store) Remove(ctx context.Context, ref string) (Removed, error) {
	var removed Removed
	if !exists(s.path("index.json")) {
		return removed, fmt.Errorf("%q: %w", ref, ErrNotFound)
	}
	hold, err := s.lock(ctx, lockHold, exclusive)
	if err != nil {
		return removed, err
	}
	defer hold.Close()
	err = s.change(ctx, func(index *v1.Index) error {
		removed.Untagged, err = s.untag(index, ref)
		return err
	})
	if err != nil {
		return removed, fmt.Errorf("removing image %q: %w", ref, err)
	}
	removed.Deleted, err = s.sweep()
	if err != nil {
		return removed, fmt.Errorf("removing what image %q left: %w", ref, err)
	}
	return removed, nil
}

// untag removes one entry of the index, the one ref means.
func (s *Store) untag(index *v1.Index, ref string) (name string, err error) {
	d, err := s.find(*index, ref)
	if err != nil {
		return "", err
	}
	var names []string
	at := -1
	for i, other := range index.Manifests {
		if other.Digest == d.Digest {
			names = append(names, nameOf(other))
		}
		if other.Digest == d.Digest && nameOf(other) == nameOf(d) {
			at = i
		}
	}
	parsed, err := image.ParseReference(ref)
	if byName := err == nil && parsed.Familiar() == nameOf(d); !byName && len(names) > 1 {
		return "", fmt.Errorf("%w: it has the names %s: remove them one by one", ErrInUse, strings.Join(names, ", "))
	}
	if len(names) == 1 && s.opts.InUse != nil {
		users, err := s.opts.InUse()
		if err != nil {
			return "", err
		}
		if container, ok := users[d.Digest]; ok {
			return "", fmt.Errorf("%w by container %s", ErrInUse, container)
		}
	}
	index.Manifests = append(index.Manifests[:at], index.Manifests[at+1:]...)
	return nameOf(d), nil
}

// sweep removes the blobs and layers that no image in the index needs. While an import is under way, whose blobs the index
// does not know yet, it leaves that to the next sweep.
func (s *Store) sweep() ([]digest.Digest, error) {
	lock, err := s.tryLock(lockSweep, exclusive)
	if lock == nil || err != nil {
		return nil, err
	}
	defer lock.Close()
	keep, err := s.needed()
	if err != nil {
		return nil, err
	}
	space, err := s.workspace()
	if err != nil {
		return nil, err
	}
	var deleted []digest.Digest
	err = s.walk("blobs", func(path string, d digest.Digest) error {
		if keep[d] {
			return nil
		}
		deleted = append(deleted, d)
		return os.Remove(path)
	})
	if err == nil {
		err = s.walk("layers", func(path string, d digest.Digest) error {
			if keep[d] {
				return nil
			}
			// Moved away first: half removed, it must not have its name.
			return os.Rename(path, filepath.Join(space.dir, filepath.Base(path)))
		})
	}
	return deleted, errors.Join(err, s.discard(space))
}

// needed is every digest that an image in the index leads to, blobs and diff IDs alike. An image that can't be read
// makes it fail: in doubt nothing is removed.
func (s *Store) needed() (map[digest.Digest]bool, error) {
	index, err := s.index()
	if err != nil {
		return nil, err
	}
	keep := map[digest.Digest]bool{}
	for _, d := range index.Manifests {
		img, err := s.image(d)
		if err != nil {
			return nil, err
		}
		keep[img.Digest], keep[img.ID] = true, true
		for i, l := range img.Manifest.Layers {
			keep[l.Digest], keep[img.Layers[i]] = true, true
		}
	}
	return keep, nil
}

// walk calls visit for each file in blobs/<algorithm> or layers/<algorithm>.
func (s *Store) walk(kind string, visit func(path string, d digest.Digest) error) error {
	algorithms, err := os.ReadDir(s.path(kind))
	if err != nil {
		return err
	}
	for _, a := range algorithms {
		entries, err := os.ReadDir(s.path(kind, a.Name()))
		if err != nil {
			return err
		}
		for _, e := range entries {
			encoded, _, _ := strings.Cut(e.Name(), ".")
			d := digest.NewDigestFromEncoded(digest.Algorithm(a.Name()), encoded)
			if err := visit(s.path(kind, a.Name(), e.Name()), d); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}
