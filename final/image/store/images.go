package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"stave/final/image"
)

// Images lists the images by name, those without one last. An image that can't be read is in the list with its name and
// digest alone, and its error is part of the error returned.
func (s *Store) Images() ([]image.Image, error) {
	index, err := s.index()
	if err != nil {
		return nil, err
	}
	var images []image.Image
	var damaged error
	for _, d := range index.Manifests {
		img, err := s.image(d)
		if err != nil {
			img = image.Image{Digest: d.Digest}
			damaged = errors.Join(damaged, fmt.Errorf("image %s: %w", nameOf(d), err))
		}
		img.Name = nameOf(d)
		images = append(images, img)
	}
	slices.SortStableFunc(images, func(a, b image.Image) int {
		if (a.Name == "") != (b.Name == "") {
			return strings.Compare(b.Name, a.Name)
		}
		return strings.Compare(a.Name, b.Name)
	})
	return images, damaged
}

// Resolve finds an image by name ("alpine", completed to "alpine:latest"), by name and digest, or by the beginning of its ID
// or digest, with or without "sha256:". It returns ErrNotFound or ErrAmbiguous.
func (s *Store) Resolve(ref string) (image.Image, error) {
	index, err := s.index()
	if err != nil {
		return image.Image{}, err
	}
	d, err := s.find(index, ref)
	if err != nil {
		return image.Image{}, fmt.Errorf("%q: %w", ref, err)
	}
	img, err := s.image(d)
	if err != nil {
		return image.Image{}, fmt.Errorf("image %q: %w", ref, err)
	}
	img.Name = nameOf(d)
	return img, nil
}

func (s *Store) find(index v1.Index, ref string) (v1.Descriptor, error) {
	parsed, err := image.ParseReference(ref)
	if err == nil {
		for _, d := range index.Manifests {
			if nameOf(d) == parsed.Familiar() {
				return d, nil
			}
		}
	}
	prefix := strings.TrimPrefix(ref, "sha256:")
	if _, whole, ok := strings.Cut(ref, "@"); ok {
		prefix = strings.TrimPrefix(whole, "sha256:")
	}
	if len(prefix) < minPrefix || strings.Trim(prefix, "0123456789abcdef") != "" {
		return v1.Descriptor{}, ErrNotFound
	}
	return s.findDigest(index, prefix)
}

// minPrefix is how much of a digest must be typed.
const minPrefix = 3

func (s *Store) findDigest(index v1.Index, prefix string) (v1.Descriptor, error) {
	var found v1.Descriptor
	for _, d := range index.Manifests {
		ids := []digest.Digest{d.Digest}
		if img, err := s.image(d); err == nil {
			ids = append(ids, img.ID)
		}
		for _, id := range ids {
			if !strings.HasPrefix(id.Encoded(), prefix) {
				continue
			}
			if found.Digest != "" && found.Digest != d.Digest {
				return found, fmt.Errorf("%w: give more of the digest", ErrAmbiguous)
			}
			if found.Digest == "" {
				found = d
			}
		}
	}
	if found.Digest == "" {
		return found, ErrNotFound
	}
	return found, nil
}

// image reads an image's manifest and config.
func (s *Store) image(d v1.Descriptor) (image.Image, error) {
	data, err := s.readBlob(d, image.MaxManifest)
	if err != nil {
		return image.Image{}, err
	}
	m, err := image.ParseManifest(data, d.MediaType)
	if err != nil {
		return image.Image{}, err
	}
	config, err := s.config(m)
	if err != nil {
		return image.Image{}, err
	}
	img := image.Image{
		Digest: d.Digest, ID: m.Config.Digest, Config: config.Config, Layers: config.RootFS.DiffIDs,
		Size: d.Size + m.Config.Size, Created: config.Created, Platform: config.Platform, Manifest: m,
	}
	for _, l := range m.Layers {
		img.Size += l.Size
	}
	return img, nil
}

func (s *Store) config(m v1.Manifest) (v1.Image, error) {
	data, err := s.readBlob(m.Config, image.MaxConfig)
	if err != nil {
		return v1.Image{}, err
	}
	return image.ParseConfig(data, m)
}
