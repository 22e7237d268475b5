package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"stave/final/image"
)

// Create makes an image of one layer, which write writes as a tar stream; see [layer.Pack] for one from a directory. The
// diff ID is filled in, and the platform if it is empty.
func (s *Store) Create(ctx context.Context, name string, config v1.Image, write func(io.Writer) error) (image.Image, error) {
	ref, err := image.ParseReference(name)
	if err != nil {
		return image.Image{}, err
	}
	im, err := s.Import(ctx, nil)
	if err != nil {
		return image.Image{}, err
	}
	defer im.Close()
	img, err := im.create(ctx, ref.Familiar(), config, write)
	if err != nil {
		return img, fmt.Errorf("making image %q: %w", name, err)
	}
	return img, nil
}

func (im *Import) create(ctx context.Context, name string, config v1.Image, write func(io.Writer) error) (image.Image, error) {
	spooled, err := im.Spool(write)
	if err != nil {
		return image.Image{}, err
	}
	l := v1.Descriptor{MediaType: v1.MediaTypeImageLayer, Digest: spooled.Digest, Size: spooled.Size}
	if err := im.Adopt(spooled); err != nil {
		return image.Image{}, err
	}
	if err := im.Layer(ctx, l, l.Digest, spooled.Open); err != nil {
		return image.Image{}, err
	}
	if config.Architecture == "" {
		config.Platform = image.Here()
	}
	config.RootFS = v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{l.Digest}}
	c, err := im.document(ctx, v1.MediaTypeImageConfig, config)
	if err != nil {
		return image.Image{}, err
	}
	m, err := im.Manifest(ctx, c, []v1.Descriptor{l})
	if err != nil {
		return image.Image{}, err
	}
	return im.Commit(ctx, name, m)
}

// Manifest makes a manifest of a config and layers that were brought.
func (im *Import) Manifest(ctx context.Context, config v1.Descriptor, layers []v1.Descriptor) (v1.Descriptor, error) {
	return im.document(ctx, v1.MediaTypeImageManifest, v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, Config: config, Layers: layers,
	})
}

func (im *Import) document(ctx context.Context, mediaType string, value any) (v1.Descriptor, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return v1.Descriptor{}, err
	}
	d := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
	return d, im.Blob(ctx, d, FromBytes(data))
}

// FromBytes is the source of a blob that is in memory.
func FromBytes(data []byte) Source {
	return func(_ context.Context, offset int64) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data[offset:])), nil
	}
}

// Spooled is a stream on disk, in the import's workspace.
type Spooled struct {
	Digest digest.Digest
	Size   int64
	path   string
}

// Open is a Source.
func (f *Spooled) Open(_ context.Context, offset int64) (io.ReadCloser, error) {
	r, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	_, err = r.Seek(offset, io.SeekStart)
	return r, err
}

// Adopt makes a blob of a spooled stream, without copying it.
func (im *Import) Adopt(f *Spooled) error {
	if err := syncFile(f.path); err != nil {
		return err
	}
	blob := im.store.blobPath(f.Digest)
	if err := moveInto(f.path, blob); err != nil {
		return err
	}
	f.path = blob
	return nil
}

// Spool keeps what write writes, and says what digest it has. It is gone when the import is closed.
func (im *Import) Spool(write func(io.Writer) error) (*Spooled, error) {
	f, err := os.CreateTemp(im.space.dir, "spool-")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	hash := digest.SHA256.Digester()
	if err := write(io.MultiWriter(f, hash.Hash())); err != nil {
		return nil, err
	}
	size, err := f.Seek(0, io.SeekCurrent)
	return &Spooled{Digest: hash.Digest(), Size: size, path: f.Name()}, err
}
