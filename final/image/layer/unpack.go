package layer

import (
	"archive/tar"
	"context"
	_ "crypto/sha256" // for package digest
	_ "crypto/sha512"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// Names with a meaning, OCI image specification, layer.md, "Whiteouts". Those that begin with two prefixes are notes of
// AUFS to itself, which old Docker wrote into layers.
const (
	whiteoutPrefix = ".wh."
	aufsPrefix     = ".wh..wh."
	opaqueMarker   = ".wh..wh..opq"
)

// Unpack unpacks the tar stream src, compressed with gzip or zstd or not at all, into the empty directory dir.
//
// It returns after the last byte of src, or at the first error; dir is then of no use. A Read of src may be under way at
// that moment and is waited for.
func Unpack(ctx context.Context, src io.Reader, dir string, opts Options) (Result, error) {
	algorithm := digest.SHA256
	if opts.DiffID != "" {
		algorithm = opts.DiffID.Algorithm()
	}
	limits := opts.Limits.orDefault()
	t, err := openTree(dir)
	if err != nil {
		return Result{}, err
	}
	defer t.close()
	t.prefix = opts.Kind.xattr()
	plain, err := newPlain(src, limits)
	if err != nil {
		return Result{}, err
	}
	defer plain.Close()
	blocks, stop := ahead(plain)
	defer stop()

	hash := algorithm.Digester()
	u := &unpacker{
		ctx: ctx, tree: t, kind: opts.Kind, limits: limits,
		content: meter{limits: limits, in: plain.meter.in}, buffer: make([]byte, blockSize),
	}
	t.made = u.implied
	err = u.all(io.TeeReader(blocks, hash.Hash()))
	if err == nil && opts.DiffID != "" && hash.Digest() != opts.DiffID {
		err = fmt.Errorf("%w: %s, the config says %s", ErrDigest, hash.Digest(), opts.DiffID)
	}
	if err != nil {
		return Result{}, err
	}
	return Result{DiffID: hash.Digest(), Size: plain.meter.out, Entries: u.entries}, nil
}

// unpacker is one Unpack under way.
type unpacker struct {
	ctx     context.Context
	tree    *tree
	kind    Kind
	limits  Limits
	entries int
	content meter // bytes of files, which a sparse one has more of than the stream
	buffer  []byte
	dirs    []directory
}

// directory is finished at the end: until then it must be writable, and every entry in it changes its time.
type directory struct {
	name  string
	mode  uint32
	times []unix.Timespec // nil: leave it
}

func (u *unpacker) all(stream io.Reader) error {
	u.dirs = append(u.dirs, directory{name: ".", mode: 0o755})
	archive := tar.NewReader(stream)
	for {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("reading the layer's archive: %w", err)
		}
		if err := u.entry(h, archive); err != nil {
			return fmt.Errorf("unpacking %q: %w", shorten(h.Name), err)
		}
	}
	// The digest is over everything, also what follows the archive's end.
	for {
		if _, err := stream.Read(u.buffer); err == io.EOF {
			return u.finish()
		} else if err != nil {
			return fmt.Errorf("reading the layer: %w", err)
		}
	}
}

// shorten keeps a hostile name from filling the terminal.
func shorten(name string) string {
	if len(name) > 200 {
		return name[:200] + "…"
	}
	return name
}

// entry unpacks one entry, or finds that it stands for something else than a file.
func (u *unpacker) entry(h *tar.Header, content io.Reader) error {
	if err := u.ctx.Err(); err != nil {
		return err
	}
	if u.entries++; u.entries > u.limits.Entries {
		return fmt.Errorf("%w: more than %d entries", ErrLimit, u.limits.Entries)
	}
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	name, err := u.clean(h.Name)
	if err != nil {
		return err
	}
	dir, base := path.Split(name)
	if aufs, err := hidden(dir); err != nil || aufs {
		return err
	}
	switch {
	case strings.HasPrefix(base, whiteoutPrefix):
		return u.whiteout(dir, base)
	case h.Typeflag == tar.TypeDir:
		return u.directory(name, h)
	case name == ".":
		return fmt.Errorf("%w: the layer's root is not a directory", ErrUnsafe)
	}
	return u.node(name, h, content)
}

// clean makes a name relative to the root and refuses one that climbs out of it. Symbolic links are the kernel's matter.
func (u *unpacker) clean(name string) (string, error) {
	if len(name) > u.limits.Name {
		return "", fmt.Errorf("%w: a name of %d bytes", ErrLimit, len(name))
	}
	name = path.Clean(strings.TrimLeft(name, "/"))
	if name == ".." || strings.HasPrefix(name, "../") {
		return "", fmt.Errorf("%w: the name leads outside the layer", ErrUnsafe)
	}
	return name, nil
}

// hidden looks for a whiteout among the parents of an entry, where it makes no sense.
func hidden(dir string) (aufs bool, err error) {
	for part := range strings.SplitSeq(dir, "/") {
		if strings.HasPrefix(part, aufsPrefix) {
			return true, nil
		}
		if strings.HasPrefix(part, whiteoutPrefix) {
			return false, fmt.Errorf("%w: something inside a whiteout", ErrUnsafe)
		}
	}
	return false, nil
}

func (u *unpacker) whiteout(dir, base string) error {
	name := strings.TrimPrefix(base, whiteoutPrefix)
	switch {
	case base == opaqueMarker:
		dirfd, _, err := u.tree.parent(dir + "x")
		if err != nil {
			return err
		}
		return u.tree.opaque(dirfd, ".")
	case strings.HasPrefix(base, aufsPrefix):
		return nil
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("%w: a whiteout of nothing", ErrUnsafe)
	}
	dirfd, _, err := u.tree.parent(dir + name)
	if err != nil {
		return err
	}
	return u.tree.whiteout(dirfd, name)
}

// implied notes a directory that the archive has no entry for. It gets what mkdir(1) would give it.
func (u *unpacker) implied(dir string) {
	u.dirs = append(u.dirs, directory{name: dir, mode: 0o755})
}

// finish gives directories their modes and times, the deepest first, so that none is closed while something in it waits.
func (u *unpacker) finish() error {
	slices.SortStableFunc(u.dirs, func(a, b directory) int { return strings.Compare(b.name, a.name) })
	for i, d := range u.dirs {
		if i+1 < len(u.dirs) && u.dirs[i+1].name == d.name {
			continue // the last entry of a name counts
		}
		err := u.tree.finish(d)
		// ENOENT and the like: a later entry replaced it, or a link that led there.
		if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR) && !errors.Is(err, unix.ELOOP) && !errors.Is(err, unix.EACCES) {
			return fmt.Errorf("finishing %q: %w", shorten(d.name), err)
		}
	}
	return nil
}
