package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"stave/final/image"
	"stave/final/image/layer"
)

// LayerPaths returns the directories to mount, lowest first. A layer that isn't unpacked yet, because another tool put it here
// or another kind of user, is unpacked now.
//
// There may be fewer than the image has layers. One that occurs twice counts once, uppermost, since overlayfs refuses a
// directory twice and the lower one adds nothing. What lies below a layer whose root is opaque is left out, since
// overlayfs does not look for the mark there.
func (s *Store) LayerPaths(ctx context.Context, img image.Image) ([]string, error) {
	var paths []string
	for i, id := range slices.Backward(img.Layers) {
		path := filepath.Join(s.layerPath(id), "fs")
		if slices.Contains(paths, path) {
			continue
		}
		if !exists(path) {
			if err := s.unpackStored(ctx, img.Manifest.Layers[i], id); err != nil {
				return nil, fmt.Errorf("unpacking layer %s: %w", img.Manifest.Layers[i].Digest, err)
			}
		}
		paths = append(paths, path)
		if layer.IsOpaque(path, s.opts.Kind) {
			break
		}
	}
	slices.Reverse(paths)
	return paths, nil
}

func (s *Store) unpackStored(ctx context.Context, d v1.Descriptor, diffID digest.Digest) error {
	im, err := s.Import(ctx, nil)
	if err != nil {
		return err
	}
	missing := func(context.Context, int64) (io.ReadCloser, error) {
		return nil, fmt.Errorf("%w: it isn't in the store any more: pull the image again", ErrRefused)
	}
	return errors.Join(im.Layer(ctx, d, diffID, missing), im.Close())
}

// unpack unpacks a stored layer inside a workspace and moves it into place.
func (s *Store) unpack(ctx context.Context, d v1.Descriptor, space string, diffID digest.Digest) error {
	r, err := s.openBlob(d)
	if err != nil {
		return err
	}
	defer r.Close()
	dir, err := os.MkdirTemp(space, "layer-")
	if err != nil {
		return err
	}
	root := filepath.Join(dir, "fs")
	if err := os.Mkdir(root, 0o755); err != nil {
		return err
	}
	got, err := s.opts.Unpack(ctx, r, root, layer.Options{Kind: s.opts.Kind, DiffID: diffID, Limits: s.opts.Limits})
	if err == nil && got.DiffID != diffID {
		err = fmt.Errorf("%w: %s, the config says %s", layer.ErrDigest, got.DiffID, diffID)
	}
	// Whether the blob is damaged shows at its end. If it is, that is the reason for whatever else went wrong.
	if ctx.Err() == nil {
		if _, damaged := io.Copy(io.Discard, r); damaged != nil {
			err = damaged
		}
	}
	if err == nil {
		err = syncFilesystem(dir)
	}
	if err != nil {
		return errors.Join(err, s.opts.RemoveAll(dir))
	}
	return moveInto(dir, s.layerPath(diffID))
}

// syncFilesystem writes everything to the disk, since a layer is trusted by its name after a power cut too. One
// syncfs(2) costs far less than an fsync for each of ten thousand files.
func syncFilesystem(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return fmt.Errorf("syncfs %s: %w", dir, err)
	}
	return nil
}
