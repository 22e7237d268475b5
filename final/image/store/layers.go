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
	lock, err := s.lock(ctx, lockOf(d.Digest), exclusive)
	if err != nil {
		return err
	}
	defer lock.Close()
	if exists(s.layerPath(diffID)) { // made while we waited
		return nil
	}
	space, err := s.workspace()
	if err != nil {
		return err
	}
	return errors.Join(s.unpackBlob(ctx, d, space.dir, diffID), s.discard(space))
}

func (s *Store) unpackBlob(ctx context.Context, d v1.Descriptor, space string, diffID digest.Digest) error {
	r, err := s.openBlob(d)
	if err != nil {
		return err
	}
	defer r.Close()
	err = s.unpack(ctx, r, space, diffID)
	if err == nil || ctx.Err() != nil || errors.Is(err, ErrCorrupt) {
		return err
	}
	// A damaged blob makes all kinds of errors before its end is reached. Better to say that than the first of them.
	if damaged := s.checkBlob(d); damaged != nil {
		return damaged
	}
	return err
}

func (s *Store) checkBlob(d v1.Descriptor) error {
	r, err := s.openBlob(d)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	return err
}

// unpack unpacks a layer inside a workspace and moves it into place.
func (s *Store) unpack(ctx context.Context, r io.Reader, space string, diffID digest.Digest) error {
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
	if err == nil {
		// What is right so far may be wrong in the end: the reader says so at the end only.
		_, err = io.Copy(io.Discard, r)
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
