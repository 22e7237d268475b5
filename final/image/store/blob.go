package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

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

// incoming is a blob on its way: one goroutine writes it while another reads what is there so far. The reader sees the end
// only after digest and size were found right.
type incoming struct {
	f        *os.File
	want     v1.Descriptor
	verifier digest.Verifier
	advance  func(n int64) // told of progress

	mu     sync.Mutex
	more   sync.Cond
	size   int64 // bytes written
	err    error // io.EOF once all is there and right
	broken error // of a Write: no use to download again
}

func newIncoming(dir string, want v1.Descriptor, advance func(int64)) (*incoming, error) {
	f, err := os.Create(filepath.Join(dir, want.Digest.Encoded()))
	if err != nil {
		return nil, err
	}
	in := &incoming{f: f, want: want, verifier: want.Digest.Verifier(), advance: advance}
	in.more.L = &in.mu
	return in, nil
}

func (in *incoming) Write(p []byte) (int, error) {
	if in.size+int64(len(p)) > in.want.Size {
		in.broken = fmt.Errorf("%w: more than the %d bytes it should have", ErrCorrupt, in.want.Size)
		return 0, in.broken
	}
	n, err := in.f.Write(p)
	in.broken = err
	in.verifier.Write(p[:n])
	in.mu.Lock()
	in.size += int64(n)
	in.mu.Unlock()
	in.more.Broadcast()
	in.advance(in.size)
	return n, err
}

// finish is called by the writer after its last Write, with its error or nil.
func (in *incoming) finish(err error) error {
	if err == nil && in.size != in.want.Size {
		err = fmt.Errorf("%w: %d bytes, it should have %d", ErrCorrupt, in.size, in.want.Size)
	}
	if err == nil && !in.verifier.Verified() {
		err = ErrCorrupt
	}
	in.end(err)
	if err == nil {
		err = in.f.Sync()
	}
	return err
}

func (in *incoming) end(err error) {
	if err == nil {
		err = io.EOF
	}
	in.mu.Lock()
	if in.err == nil {
		in.err = err
	}
	in.mu.Unlock()
	in.more.Broadcast()
}

// reader reads from the beginning. Closing it wakes a Read that waits.
func (in *incoming) reader() io.ReadCloser { return &following{in: in} }

type following struct {
	in *incoming
	at int64
}

func (r *following) Read(p []byte) (int, error) {
	in := r.in
	in.mu.Lock()
	for r.at == in.size && in.err == nil {
		in.more.Wait()
	}
	there, err := in.size-r.at, in.err
	in.mu.Unlock()
	if there == 0 || err != nil && err != io.EOF {
		return 0, err
	}
	n, err := in.f.ReadAt(p[:min(int64(len(p)), there)], r.at)
	r.at += int64(n)
	return n, err
}

func (r *following) Close() error {
	r.in.end(os.ErrClosed)
	return nil
}
