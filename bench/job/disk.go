package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// block is how much is written or read at a time, in bytes.
const block = 1 << 20

// useDisk writes a file, until the disk has it (fsync(2)), and reads it back, from the disk and not from memory. It
// returns the bytes per second of each, and removes the file.
func useDisk(name string, size int64) (write, read float64, err error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(name)) }()
	buffer := make([]byte, block)
	random := rand.New(rand.NewPCG(1, 2)) // nothing that a filesystem could compress or leave out
	for i := range buffer {
		buffer[i] = byte(random.Uint32())
	}
	began := time.Now()
	for written := int64(0); written < size; written += block {
		if _, err := f.Write(buffer[:min(block, size-written)]); err != nil {
			return 0, 0, err
		}
	}
	if err := f.Sync(); err != nil {
		return 0, 0, err
	}
	write = float64(size) / time.Since(began).Seconds()

	// What is on the disk may be forgotten, and has to be fetched again: posix_fadvise(2).
	if err := unix.Fadvise(int(f.Fd()), 0, size, unix.FADV_DONTNEED); err != nil {
		return 0, 0, fmt.Errorf("dropping the file from memory: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, 0, err
	}
	began = time.Now()
	for {
		if _, err := f.Read(buffer); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return 0, 0, err
		}
	}
	return write, float64(size) / time.Since(began).Seconds(), nil
}
