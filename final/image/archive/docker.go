package archive

import (
	"fmt"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"stave/final/image"
)

// saved is one image in manifest.json of "docker save" before version 25, and of docker-archive.
type saved struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// dockerSave brings the images of an archive without OCI manifests, which are made here.
func (l *loader) dockerSave() ([]image.Image, error) {
	data, err := l.read("manifest.json", image.MaxManifest)
	if err != nil {
		return nil, err
	}
	list, err := parse[[]saved](data)
	if err != nil {
		return nil, fmt.Errorf("manifest.json: %w", err)
	}
	var images []image.Image
	for _, s := range list {
		img, err := l.saved(s)
		if err != nil {
			return images, fmt.Errorf("image %q: %w", s.RepoTags, err)
		}
		images = append(images, img...)
	}
	return images, nil
}

func (l *loader) saved(s saved) ([]image.Image, error) {
	config, err := l.blob(s.Config, v1.MediaTypeImageConfig)
	if err != nil {
		return nil, err
	}
	m := v1.Manifest{Config: config}
	for _, name := range s.Layers {
		// Nobody says how these are compressed, which is all the label could tell.
		d, err := l.blob(name, v1.MediaTypeImageLayer)
		if err != nil {
			return nil, err
		}
		m.Layers = append(m.Layers, d)
	}
	if err := l.layers(m); err != nil {
		return nil, err
	}
	d, err := l.im.Manifest(l.ctx, m.Config, m.Layers)
	if err != nil {
		return nil, err
	}
	return l.commit(d, s.RepoTags)
}

// blob brings a file of the archive that has no descriptor. The config's diff IDs say later whether it is the right one.
func (l *loader) blob(name, mediaType string) (v1.Descriptor, error) {
	f, err := l.file(name)
	if err != nil {
		return v1.Descriptor{}, err
	}
	return v1.Descriptor{MediaType: mediaType, Digest: f.Digest, Size: f.Size}, l.im.Adopt(f)
}
