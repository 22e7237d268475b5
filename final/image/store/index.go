package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"stave/final/image"
)

func emptyIndex() v1.Index {
	return v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{}}
}

// index reads index.json. It needs no lock, for the file is only ever replaced.
func (s *Store) index() (v1.Index, error) {
	data, err := os.ReadFile(s.path("index.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return emptyIndex(), nil
	}
	if err != nil {
		return v1.Index{}, fmt.Errorf("reading image store: %w", err)
	}
	index, err := image.ParseIndex(data, v1.MediaTypeImageIndex)
	if err != nil {
		return v1.Index{}, fmt.Errorf("reading %s: %w", s.path("index.json"), err)
	}
	return index, nil
}

func (s *Store) writeIndex(index v1.Index) error {
	data, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(s.path("index.json"), append(data, '\n'))
}

// change changes index.json, one process at a time.
func (s *Store) change(ctx context.Context, edit func(*v1.Index) error) error {
	lock, err := s.lock(ctx, lockIndex, exclusive)
	if err != nil {
		return err
	}
	defer lock.Close()
	index, err := s.index()
	if err != nil {
		return err
	}
	if err := edit(&index); err != nil {
		return err
	}
	return s.writeIndex(index)
}

// nameOf is the name a descriptor has in an image layout (OCI image specification, annotations.md), in the form
// all names are compared in: another tool may have written "alpine" where we write "alpine:latest".
func nameOf(d v1.Descriptor) string {
	name := d.Annotations[v1.AnnotationRefName]
	if ref, err := image.ParseReference(name); err == nil {
		return ref.Familiar()
	}
	return name
}

// tag gives name to d. An image that loses its last name to d keeps an entry without one.
func tag(index *v1.Index, name string, d v1.Descriptor) {
	var kept []v1.Descriptor
	var displaced *v1.Descriptor
	for i, old := range index.Manifests {
		switch {
		case old.Digest == d.Digest && (nameOf(old) == name || nameOf(old) == ""):
		case name != "" && nameOf(old) == name:
			displaced = &index.Manifests[i]
		default:
			kept = append(kept, old)
		}
	}
	if displaced != nil && !slices.ContainsFunc(kept, func(k v1.Descriptor) bool { return k.Digest == displaced.Digest }) {
		displaced.Annotations = nil
		kept = append(kept, *displaced)
	}
	d.Annotations = nil
	if name != "" {
		d.Annotations = map[string]string{v1.AnnotationRefName: name}
	}
	index.Manifests = append(kept, d)
}
