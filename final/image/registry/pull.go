package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"stave/final/image"
	"stave/final/image/store"
)

// Options of Pull.
type Options struct {
	Platform v1.Platform    // this machine's if empty
	Progress image.Progress // may be nil
	Keychain authn.Keychain // authn.DefaultKeychain if nil: what "docker login" and "podman login" wrote
	Parallel int            // layers at once, 3 if zero
	Idle     time.Duration  // without a byte, after which a connection is given up and tried again; a minute if zero
}

// Pull brings the image called ref into st, and gives it that name there. What the store has already doesn't move.
func Pull(ctx context.Context, st *store.Store, ref string, opts Options) (image.Image, error) {
	parsed, err := image.ParseReference(ref)
	if err != nil {
		return image.Image{}, err
	}
	if opts.Platform.OS == "" {
		opts.Platform = image.Here()
	}
	if opts.Keychain == nil {
		opts.Keychain = authn.DefaultKeychain
	}
	if opts.Parallel == 0 {
		opts.Parallel = 3
	}
	if opts.Idle == 0 {
		opts.Idle = time.Minute
	}
	img, err := pull(ctx, st, parsed, opts)
	if err != nil {
		return img, fmt.Errorf("pulling %s: %w", parsed.Familiar(), err)
	}
	return img, nil
}

func pull(ctx context.Context, st *store.Store, ref image.Reference, opts Options) (image.Image, error) {
	c, err := connect(ctx, ref.Context(), opts)
	if err != nil {
		return image.Image{}, err
	}
	var want digest.Digest
	if _, ok := ref.Reference.(name.Digest); ok {
		want = digest.Digest(ref.Identifier())
	}
	data, d, err := c.resolve(ctx, ref.Identifier(), want, opts.Platform)
	if err != nil {
		return image.Image{}, err
	}
	manifest, err := image.ParseManifest(data, d.MediaType)
	if err != nil {
		return image.Image{}, err
	}
	im, err := st.Import(ctx, opts.Progress)
	if err != nil {
		return image.Image{}, err
	}
	defer im.Close()
	if err := im.Blob(ctx, d, store.FromBytes(data)); err != nil {
		return image.Image{}, err
	}
	if err := bring(ctx, c, im, manifest, opts.Parallel); err != nil {
		return image.Image{}, err
	}
	return im.Commit(ctx, ref.Familiar(), d)
}

// maxNesting is how many indexes may lead to one another before the manifest.
const maxNesting = 3

// resolve reads the manifest for a platform, through indexes if that is what the name stands for.
func (c *client) resolve(ctx context.Context, id string, want digest.Digest, platform v1.Platform) ([]byte, v1.Descriptor, error) {
	expected := "" // media type, from the index that led here
	for range maxNesting {
		data, d, err := c.manifest(ctx, id, want)
		if err != nil {
			return nil, d, err
		}
		if expected != "" {
			d.MediaType = expected
		} else if meansNothing[d.MediaType] {
			d.MediaType = selfDescribed(data)
		}
		if !image.IsIndex(d.MediaType) {
			return data, d, nil
		}
		index, err := image.ParseIndex(data, d.MediaType)
		if err != nil {
			return nil, d, err
		}
		inner, err := image.Choose(index, platform)
		if err != nil {
			return nil, d, err
		}
		id, want, expected = inner.Digest.String(), inner.Digest, inner.MediaType
	}
	return nil, v1.Descriptor{}, fmt.Errorf("%w: more than %d indexes in one another", image.ErrFormat, maxNesting)
}

// meansNothing are the media types of registries that are plain web servers. Any other type is taken by its word.
var meansNothing = map[string]bool{"": true, "text/plain": true, "application/json": true, "application/octet-stream": true}

// selfDescribed is the media type a document gives itself.
func selfDescribed(data []byte) string {
	var doc struct {
		MediaType string `json:"mediaType"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return ""
	}
	return doc.MediaType
}

// bring brings the config, which knows the diff IDs, and then the layers, several at once.
func bring(ctx context.Context, c *client, im *store.Import, m v1.Manifest, parallel int) error {
	source := func(d v1.Descriptor) store.Source {
		return func(ctx context.Context, offset int64) (io.ReadCloser, error) {
			return c.blob(ctx, d.Digest, offset)
		}
	}
	if err := im.Blob(ctx, m.Config, source(m.Config)); err != nil {
		return err
	}
	config, err := im.Config(m)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, l := range m.Layers {
		group.Go(func() error { return im.Layer(ctx, l, config.RootFS.DiffIDs[i], source(l)) })
	}
	return group.Wait()
}
