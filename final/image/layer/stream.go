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
// ErrLimit where it exceeds limits, of which zero fields mean those of DefaultLimits.
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

// ahead decompresses in a goroutine of its own, a few blocks ahead of the one that writes files.
type ahead struct {
	full chan block
	free chan []byte
	stop chan struct{}
	now  []byte // not yet read part of the current block
	all  []byte // the current block, to be given back
	err  error
}

type block struct {
	data []byte
	err  error // after data
}

// blockSize and blocks were measured: larger ones leave the cache, smaller ones change goroutines too often.
const (
	blockSize = 128 << 10
	blocks    = 8
)

func readAhead(r io.Reader) *ahead {
	a := &ahead{full: make(chan block, blocks), free: make(chan []byte, blocks), stop: make(chan struct{})}
	for range blocks {
		a.free <- make([]byte, blockSize)
	}
	go a.fill(r)
	return a
}

func (a *ahead) fill(r io.Reader) {
	defer close(a.full)
	for {
		select {
		case <-a.stop:
			return
		case b := <-a.free:
			// Not io.ReadFull, which gives a short but whole stream and a stream cut off the same error.
			n, err := 0, error(nil)
			for n < blockSize && err == nil {
				var more int
				more, err = r.Read(b[n:blockSize])
				n += more
			}
			a.full <- block{b[:n], err} // never blocks: there is room for every block there is
			if err != nil {
				return
			}
		}
	}
}

func (a *ahead) Read(p []byte) (int, error) {
	for len(a.now) == 0 {
		if a.err != nil {
			return 0, a.err
		}
		if a.all != nil {
			a.free <- a.all
		}
		b, ok := <-a.full
		if !ok {
			return 0, io.ErrClosedPipe
		}
		a.now, a.all, a.err = b.data, b.data, b.err
	}
	n := copy(p, a.now)
	a.now = a.now[n:]
	return n, nil
}

// close waits for the goroutine, which a Read from the source may hold up.
func (a *ahead) close() {
	close(a.stop)
	for range a.full { // until fill closes it
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
