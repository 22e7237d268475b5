package archive

import (
	"errors"
	"fmt"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"stave/final/image"
)

// containerdName is where containerd and Docker since 25 write the whole name of an image; the standard annotation then has the
// tag only.
const containerdName = "io.containerd.image.name"

// layout brings the images of an OCI image layout.
func (l *loader) layout() ([]image.Image, error) {
	data, err := l.read("index.json", image.MaxManifest)
	if err != nil {
		return nil, err
	}
	index, err := image.ParseIndex(data, v1.MediaTypeImageIndex)
	if err != nil {
		return nil, fmt.Errorf("index.json: %w", err)
	}
	var images []image.Image
	for _, d := range index.Manifests {
		if !image.IsManifest(d.MediaType) && !image.IsIndex(d.MediaType) {
			continue // a signature, an attestation
		}
		var names []string
		for _, key := range []string{containerdName, v1.AnnotationRefName} {
			if name := d.Annotations[key]; name != "" {
				names = []string{name}
				break
			}
		}
		img, err := l.manifest(d, names)
		if err != nil {
			return images, fmt.Errorf("manifest %s: %w", d.Digest, err)
		}
		images = append(images, img...)
	}
	if len(images) == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrFormat)
	}
	return images, nil
}

// maxNesting is how many indexes may lead to one another before the manifest.
const maxNesting = 3

func (l *loader) manifest(d v1.Descriptor, names []string) ([]image.Image, error) {
	for range maxNesting {
		if err := l.adopt(blobName(d), d); err != nil {
			return nil, err
		}
		data, err := l.read(blobName(d), image.MaxManifest)
		if err != nil {
			return nil, err
		}
		if !image.IsIndex(d.MediaType) {
			return l.image(data, d, names)
		}
		index, err := image.ParseIndex(data, d.MediaType)
		if err != nil {
			return nil, err
		}
		if d, err = image.Choose(index, l.opts.Platform); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("too many indexes in one another")
}

func (l *loader) image(data []byte, d v1.Descriptor, names []string) ([]image.Image, error) {
	m, err := image.ParseManifest(data, d.MediaType)
	if err != nil {
		return nil, err
	}
	for _, blob := range append([]v1.Descriptor{m.Config}, m.Layers...) {
		if err := l.adopt(blobName(blob), blob); err != nil {
			return nil, err
		}
	}
	if err := l.layers(m); err != nil {
		return nil, err
	}
	return l.commit(d, names)
}

func blobName(d v1.Descriptor) string {
	return "blobs/" + d.Digest.Algorithm().String() + "/" + d.Digest.Encoded()
}
