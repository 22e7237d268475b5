package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"stave/final/image"
	"stave/final/image/layer"
	"stave/final/image/registry"
	"stave/final/image/store"
	"stave/toolbox/rootfs"
)

// Toolbox is the name of the image that is built rather than pulled.
const Toolbox = "toolbox"

// toolboxLabel is the configuration's label that tells which version of the toolbox an image holds.
const toolboxLabel = "stave.toolbox.version"

// errElsewhere is why a layer isn't unpacked by this process: its files will belong to subordinate ids.
var errElsewhere = errors.New("layers with subordinate ids are unpacked in a user namespace")

func unpackElsewhere(context.Context, io.Reader, string, layer.Options) (layer.Result, error) {
	return layer.Result{}, errElsewhere
}

// image finds an image in the store, or has it brought there.
func (e *Engine) image(ctx context.Context, ref string) (source, func(), error) {
	src, release, err := e.stored(ctx, ref)
	if err == nil || (!errors.Is(err, store.ErrNotFound) && !errors.Is(err, errElsewhere)) {
		return src, release, err
	}
	if done, code, err := e.Enter("prepare", ref); err != nil {
		return source{}, nil, err
	} else if done && code != 0 {
		return source{}, nil, fmt.Errorf("preparing the image %s failed", ref)
	} else if !done {
		if err := e.Prepare(ctx, ref, nil); err != nil {
			return source{}, nil, err
		}
	}
	return e.stored(ctx, ref)
}

// stored finds an image whose layers are all unpacked. Until release is called none of it is removed.
func (e *Engine) stored(ctx context.Context, ref string) (source, func(), error) {
	release, err := e.Images.Hold(ctx)
	if err != nil {
		return source{}, nil, err
	}
	img, err := e.resolve(ref)
	if err != nil {
		release()
		return source{}, nil, err
	}
	layers, err := e.Images.LayerPaths(ctx, img)
	if err != nil {
		release()
		return source{}, nil, err
	}
	return source{name: ref, digest: img.Digest, layers: layers, config: img.Config}, release, nil
}

// resolve finds an image by name. A toolbox from other source than today's counts as none.
func (e *Engine) resolve(ref string) (image.Image, error) {
	img, err := e.Images.Resolve(ref)
	if err != nil || ref != Toolbox {
		return img, err
	}
	version, err := rootfs.Version()
	if err != nil {
		return img, nil // the source is gone; what was built from it still serves
	}
	if img.Config.Labels[toolboxLabel] != version {
		return image.Image{}, store.ErrNotFound
	}
	return img, nil
}

// Prepare brings an image into the store, unless it is there, and unpacks its layers.
func (e *Engine) Prepare(ctx context.Context, ref string, progress image.Progress) error {
	img, err := e.resolve(ref)
	switch {
	case errors.Is(err, store.ErrNotFound) && ref == Toolbox:
		img, err = e.buildToolbox(ctx)
	case errors.Is(err, store.ErrNotFound):
		img, err = registry.Pull(ctx, e.Images, ref, registry.Options{Progress: progress})
	}
	if err != nil {
		return err
	}
	_, err = e.Images.LayerPaths(ctx, img)
	return err
}

// buildToolbox builds the toolbox and puts it into the store. One process at a time does, in a place that the next command clears if it is left.
func (e *Engine) buildToolbox(ctx context.Context) (image.Image, error) {
	lock, err := lockFile(filepath.Join(e.root, "toolbox.lock"), unix.LOCK_EX)
	if err != nil {
		return image.Image{}, err
	}
	defer lock.Close()
	if img, err := e.resolve(Toolbox); err == nil {
		return img, nil // somebody else was faster
	}
	version, err := rootfs.Version()
	if err != nil {
		return image.Image{}, err
	}
	fmt.Fprintln(os.Stderr, "stave: building the image toolbox (this happens once)")
	defer os.RemoveAll(e.building())
	tree := filepath.Join(e.building(), "rootfs")
	if err := rootfs.Build(ctx, tree, rootfs.Options{Log: os.Stderr}); err != nil {
		return image.Image{}, err
	}
	old, missing := e.Images.Resolve(Toolbox)
	pack := func(w io.Writer) error { return layer.Pack(w, tree, layer.PackOptions{RootOwned: true}) }
	img, err := e.Images.Create(ctx, Toolbox, v1.Image{Config: v1.ImageConfig{
		Cmd: []string{"sh"}, Env: []string{"PATH=/bin:/sbin:/usr/bin:/usr/sbin"}, Labels: map[string]string{toolboxLabel: version},
	}}, pack)
	if err != nil || missing != nil || old.Digest == img.Digest {
		return img, err
	}
	if _, err := e.Images.Remove(ctx, old.Digest.String()); err != nil && !errors.Is(err, store.ErrInUse) {
		return img, fmt.Errorf("removing the toolbox of before: %w", err)
	}
	return img, nil
}

// building is where the toolbox is built, while toolbox.lock is held.
func (e *Engine) building() string { return filepath.Join(e.root, "toolbox.building") }

// sweepToolbox removes what a build that was killed has left.
func (e *Engine) sweepToolbox() error {
	if _, err := os.Lstat(e.building()); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	lock, err := lockFile(filepath.Join(e.root, "toolbox.lock"), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil // it is going on
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	return e.removeDir(e.building())
}
