package archive

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"stave/final/image"
	"stave/final/image/layer"
	"stave/final/image/store"
)

// ErrFormat says that a file is no archive of images.
var ErrFormat = errors.New("neither a docker save archive nor an OCI image layout in a tar")

// Options of Load.
type Options struct {
	Name     string         // for an image whose archive doesn't name it
	Platform v1.Platform    // this machine's if empty, for an image of several
	Progress image.Progress // may be nil
	Limits   layer.Limits   // for the archive itself, if it is compressed
}

// Load brings every image of the archive r into st, under the names the archive gives.
func Load(ctx context.Context, st *store.Store, r io.Reader, opts Options) ([]image.Image, error) {
	if opts.Platform.OS == "" {
		opts.Platform = image.Here()
	}
	im, err := st.Import(ctx, opts.Progress)
	if err != nil {
		return nil, err
	}
	defer im.Close()
	l := &loader{ctx: ctx, im: im, opts: opts, files: map[string]*store.Spooled{}, links: map[string]string{}}
	images, err := l.load(r)
	if err != nil {
		return images, fmt.Errorf("loading images: %w", err)
	}
	return images, nil
}

// loader has the archive's files on disk, for its table of contents may come last.
type loader struct {
	ctx   context.Context
	im    *store.Import
	opts  Options
	files map[string]*store.Spooled
	links map[string]string // where a name leads; old archives hold each layer once
}

func (l *loader) load(r io.Reader) ([]image.Image, error) {
	plain, err := layer.Plain(r, l.opts.Limits)
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	if err := l.spool(tar.NewReader(plain)); err != nil {
		return nil, err
	}
	switch {
	case l.has("index.json") && l.has(v1.ImageLayoutFile):
		return l.layout()
	case l.has("manifest.json"):
		return l.dockerSave()
	}
	return nil, ErrFormat
}

// maxFiles is far more than images of 500 layers have.
const maxFiles = 100_000

func (l *loader) spool(archive *tar.Reader) error {
	for {
		h, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrFormat, err)
		}
		if err := l.ctx.Err(); err != nil {
			return err
		}
		if len(l.files)+len(l.links) > maxFiles {
			return fmt.Errorf("%w: more than %d files", ErrFormat, maxFiles)
		}
		name := path.Clean(h.Name)
		switch h.Typeflag {
		case tar.TypeReg:
			l.files[name], err = l.im.Spool(func(w io.Writer) error {
				_, err := io.Copy(w, archive)
				return err
			})
		case tar.TypeSymlink:
			l.links[name] = path.Join(path.Dir(name), h.Linkname)
		case tar.TypeLink:
			l.links[name] = path.Clean(h.Linkname)
		}
		if err != nil {
			return err
		}
	}
}

// file finds a file of the archive. The names are those in the archive, never of this machine's files.
func (l *loader) file(name string) (*store.Spooled, error) {
	at := path.Clean(name)
	for range 10 { // links to links
		if f, ok := l.files[at]; ok {
			return f, nil
		}
		at = l.links[at]
	}
	return nil, fmt.Errorf("%w: %q is missing", ErrFormat, name)
}

func (l *loader) has(name string) bool {
	_, err := l.file(name)
	return err == nil
}

// read reads a small file of the archive.
func (l *loader) read(name string, limit int64) ([]byte, error) {
	f, err := l.file(name)
	if err != nil {
		return nil, err
	}
	if f.Size > limit {
		return nil, fmt.Errorf("%w: %q has %d bytes, the limit is %d", ErrFormat, name, f.Size, limit)
	}
	r, err := f.Open(l.ctx, 0)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r) //nolint:forbidigo // at most limit bytes: that is the size of the spooled file
}

// adopt brings the blob in a file of the archive, after comparing digest and size with what is expected.
func (l *loader) adopt(name string, d v1.Descriptor) error {
	f, err := l.file(name)
	if err != nil {
		return err
	}
	if f.Size != d.Size || f.Digest != d.Digest {
		return fmt.Errorf("%s: %w: found %s with %d bytes, expected %d", d.Digest, store.ErrCorrupt, f.Digest, f.Size, d.Size)
	}
	return l.im.Adopt(f)
}

// layers unpacks the layers of a manifest, whose blobs and config were adopted.
func (l *loader) layers(m v1.Manifest) error {
	config, err := l.im.Config(m)
	if err != nil {
		return err
	}
	for i, d := range m.Layers {
		if err := l.im.Layer(l.ctx, d, config.RootFS.DiffIDs[i], nil); err != nil {
			return err
		}
	}
	return nil
}

// commit commits an image under each of its names.
func (l *loader) commit(d v1.Descriptor, names []string) ([]image.Image, error) {
	if len(names) == 0 {
		names = []string{l.opts.Name}
	}
	var images []image.Image
	for _, name := range names {
		if name != "" {
			ref, err := image.ParseReference(name)
			if err != nil {
				return images, err
			}
			name = ref.Familiar()
		}
		img, err := l.im.Commit(l.ctx, name, d)
		if err != nil {
			return images, err
		}
		images = append(images, img)
	}
	return images, nil
}

func parse[T any](data []byte) (T, error) {
	var value T
	if err := json.Unmarshal(data, &value); err != nil {
		return value, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return value, nil
}
