package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"stave/final/image"
)

// Import brings one image into the store, blob by blob. Until Commit the store knows of no new image; blobs brought by
// an import that was given up are whole and checked, and save the next one their download.
type Import struct {
	store    *Store
	space    *workspace
	sweep    *os.File
	progress image.Progress
}

// Import begins an import. Close ends it, with or without Commit.
func (s *Store) Import(ctx context.Context, progress image.Progress) (*Import, error) {
	if err := s.create(); err != nil {
		return nil, fmt.Errorf("creating image store: %w", err)
	}
	sweep, err := s.lock(ctx, lockSweep, shared)
	if err != nil {
		return nil, err
	}
	space, err := s.workspace()
	if err != nil {
		sweep.Close()
		return nil, err
	}
	return &Import{store: s, space: space, sweep: sweep, progress: progress}, nil
}

// Close gives back what the import held.
func (im *Import) Close() error {
	defer im.sweep.Close()
	return im.store.discard(im.space)
}

// Source opens a blob from its byte offset on. It is called again when it fails or its stream breaks off, unless the
// error is ErrRefused.
type Source func(ctx context.Context, offset int64) (io.ReadCloser, error)

// Blob brings a blob that is not a layer.
func (im *Import) Blob(ctx context.Context, d v1.Descriptor, source Source) error {
	return im.bring(ctx, d, "", source)
}

// Config reads the config of a manifest, which must have been brought.
func (im *Import) Config(m v1.Manifest) (v1.Image, error) { return im.store.config(m) }

// Layer brings a layer and unpacks it. diffID is what the config says of it.
func (im *Import) Layer(ctx context.Context, d v1.Descriptor, diffID digest.Digest, source Source) error {
	return im.bring(ctx, d, diffID, source)
}

func (im *Import) bring(ctx context.Context, d v1.Descriptor, diffID digest.Digest, source Source) error {
	lock, err := im.lockBlob(ctx, d)
	if err != nil {
		return err
	}
	defer lock.Close()
	event := image.Event{Digest: d.Digest, Status: image.Present, Done: d.Size, Total: d.Size}
	if !im.store.hasBlob(d) {
		event.Status = image.Complete
		err = im.download(ctx, d, source)
	}
	if err == nil && diffID != "" && !exists(im.store.layerPath(diffID)) {
		event.Status = image.Unpacking
		im.progress.Report(event)
		event.Status = image.Complete
		err = im.store.unpack(ctx, d, im.space.dir, diffID)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", d.Digest, err)
	}
	im.progress.Report(event)
	return nil
}

// lockBlob waits while another import, here or in another process, brings the same blob.
func (im *Import) lockBlob(ctx context.Context, d v1.Descriptor) (*os.File, error) {
	lock, err := im.store.tryLock(lockOf(d.Digest), exclusive)
	if lock != nil || err != nil {
		return lock, err
	}
	im.progress.Report(image.Event{Digest: d.Digest, Status: image.Waiting, Total: d.Size})
	return im.store.lock(ctx, lockOf(d.Digest), exclusive)
}

// download brings a blob. Not before its digest is known to be right does anything look at what is in it.
func (im *Import) download(ctx context.Context, d v1.Descriptor, source Source) error {
	f, err := os.Create(filepath.Join(im.space.dir, d.Digest.Encoded()))
	if err != nil {
		return err
	}
	defer f.Close()
	in := &incoming{f: f, want: d, verifier: d.Digest.Verifier(), advance: func(n int64) {
		im.progress.Report(image.Event{Digest: d.Digest, Status: image.Downloading, Done: n, Total: d.Size})
	}}
	if err := copyAll(ctx, in, source); err != nil {
		return err
	}
	if err := in.verify(); err != nil {
		return err
	}
	return moveInto(f.Name(), im.store.blobPath(d.Digest))
}

// attempts without a single byte of progress, after which a download is given up.
const attempts = 5

// copyAll copies from source, and again from where it broke off.
func copyAll(ctx context.Context, in *incoming, source Source) error {
	for failed := 0; ; failed++ {
		before := in.size
		err := copyFrom(ctx, in, source)
		if err == nil || ctx.Err() != nil || errors.Is(err, ErrRefused) || in.broken != nil {
			return err
		}
		if in.size > before {
			failed = 0
		}
		if failed >= attempts {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(failed) * 200 * time.Millisecond):
		}
	}
}

func copyFrom(ctx context.Context, in *incoming, source Source) error {
	r, err := source(ctx, in.size)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.CopyBuffer(struct{ io.Writer }{in}, struct{ io.Reader }{r}, make([]byte, 256<<10))
	return err
}

// moveInto renames a finished file or directory into place, where another process may have put the same before.
func moveInto(from, to string) error {
	parent := filepath.Dir(to)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil && !exists(to) {
		return err
	}
	return syncFile(parent)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// Commit gives the image a name, if name is not empty, and makes it known. All its blobs must have been brought.
func (im *Import) Commit(ctx context.Context, name string, d v1.Descriptor) (image.Image, error) {
	img, err := im.store.image(d)
	if err != nil {
		return img, err
	}
	for _, l := range img.Manifest.Layers {
		if !im.store.hasBlob(l) {
			return img, fmt.Errorf("layer %s of %s was not brought", l.Digest, d.Digest)
		}
	}
	img.Name = name
	entry := v1.Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size, Platform: &img.Platform}
	return img, im.store.change(ctx, func(index *v1.Index) error {
		tag(index, name, entry)
		return nil
	})
}
