package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// hasBlob looks for a blob of the right name and size. Its digest is checked each time it is read.
func (s *Store) hasBlob(d v1.Descriptor) bool {
	info, err := os.Stat(s.blobPath(d.Digest))
	return err == nil && info.Size() == d.Size
}

// readBlob reads a small blob whole.
func (s *Store) readBlob(d v1.Descriptor, limit int64) ([]byte, error) {
	if d.Size > limit {
		return nil, fmt.Errorf("reading %s: %d bytes, the limit is %d", d.Digest, d.Size, limit)
	}
	r, err := s.openBlob(d)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r) //nolint:forbidigo // at most limit bytes: more than d.Size is an error
}

// openBlob opens a blob for reading once, from beginning to end. The last Read returns ErrCorrupt in place of io.EOF if
// the blob was not what its name says; it is then removed, so that the next pull brings it again.
func (s *Store) openBlob(d v1.Descriptor) (io.ReadCloser, error) {
	f, err := os.Open(s.blobPath(d.Digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading %s: %w: pull the image again", d.Digest, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	return &verified{f: f, want: d, verifier: d.Digest.Verifier()}, nil
}

type verified struct {
	f        *os.File
	want     v1.Descriptor
	verifier digest.Verifier
	n        int64
}

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.f.Read(p)
	v.n += int64(n)
	v.verifier.Write(p[:n])
	switch {
	case v.n > v.want.Size || err == io.EOF && v.n != v.want.Size:
		return 0, fmt.Errorf("reading %s: %w: it has not the %d bytes it should have", v.want.Digest, ErrCorrupt, v.want.Size)
	case err == io.EOF && !v.verifier.Verified():
		os.Remove(v.f.Name())
		return 0, fmt.Errorf("reading %s: %w: it was removed, pull the image again", v.want.Digest, ErrCorrupt)
	}
	return n, err
}

func (v *verified) Close() error { return v.f.Close() }

// incoming is a blob on its way into a file. It takes no more bytes than the blob may have.
type incoming struct {
	f        *os.File
	want     v1.Descriptor
	verifier digest.Verifier
	size     int64
	advance  func(n int64) // told of progress
	broken   error         // of a Write: no use to ask for the rest
}

func (in *incoming) Write(p []byte) (int, error) {
	if in.size+int64(len(p)) > in.want.Size {
		in.broken = fmt.Errorf("%w: more than the %d bytes it should have", ErrCorrupt, in.want.Size)
		return 0, in.broken
	}
	n, err := in.f.Write(p)
	in.broken = err
	in.verifier.Write(p[:n])
	in.size += int64(n)
	in.advance(in.size)
	return n, err
}

// verify is called when all is there.
func (in *incoming) verify() error {
	if in.size != in.want.Size {
		return fmt.Errorf("%w: %d bytes, it should have %d", ErrCorrupt, in.size, in.want.Size)
	}
	if !in.verifier.Verified() {
		return ErrCorrupt
	}
	return in.f.Sync()
}
