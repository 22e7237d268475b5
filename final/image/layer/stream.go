package layer

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow bounds the memory a zstd stream may ask for: what "zstd --long" makes, and containerd accepts.
const maxWindow = 128 << 20

// Plain is the plain stream in src, which may be gzip, zstd or plain already: its first bytes decide. It ends with
// ErrLimit where it exceeds limits (DefaultLimits if zero).
func Plain(src io.Reader, limits Limits) (io.ReadCloser, error) {
	return newPlain(src, limits.orDefault())
}

type plain struct {
	io.ReadCloser
	meter meter
}

func newPlain(src io.Reader, limits Limits) (*plain, error) {
	in := &counting{Reader: src}
	r, err := decompress(bufio.NewReaderSize(in, 256<<10))
	if err != nil {
		return nil, fmt.Errorf("reading the layer: %w", err)
	}
	return &plain{r, meter{limits: limits, in: &in.n}}, nil
}

func (p *plain) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b)
	if over := p.meter.add(n); over != nil {
		return n, over
	}
	return n, err
}

func decompress(b *bufio.Reader) (io.ReadCloser, error) {
	magic, err := b.Peek(4)
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}): // RFC 1952, 2.3.1
		return gzip.NewReader(b)
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}): // RFC 8878, 3.1.1
		z, err := zstd.NewReader(b, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}
	return io.NopCloser(b), nil
}

// readAhead is how far decompression may be ahead, bytes. It was measured: less changes goroutines too often.
const readAhead = 512 << 10

// ahead reads r in a goroutine of its own, a block ahead of the one that writes files. Call stop when done; it waits for a
// Read of r under way.
func ahead(r io.Reader) (blocks io.Reader, stop func()) {
	read, write := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		block := bufio.NewWriterSize(write, readAhead)
		_, err := io.Copy(block, r)
		if flushed := block.Flush(); err == nil {
			err = flushed
		}
		write.CloseWithError(err)
	}()
	return bufio.NewReaderSize(read, readAhead), func() {
		read.Close()
		<-done
	}
}

// counting counts the compressed bytes as they go in, for the meter.
type counting struct {
	io.Reader
	n atomic.Int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}
