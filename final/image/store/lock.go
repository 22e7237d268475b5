package store

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// All locks are bytes of one file, so that there are as many as needed and none has to be removed. They are locks of an open
// file description (fcntl(2), F_OFD_SETLK): they exclude two goroutines as well as two processes, and end with the process.
// Whoever takes several takes them in this order.
const (
	lockHold  = iota // shared: a container is being put on record. Exclusive: an image is being removed
	lockSweep        // shared: blobs are being added that index.json does not know yet. Exclusive: unknown blobs are removed
	lockIndex        // exclusive: index.json is being changed
	lockBlobs        // and all bytes after it, exclusive: a blob is being brought, its layer unpacked
)

const (
	shared    = unix.F_RDLCK
	exclusive = unix.F_WRLCK
)

// lockOf is the byte of a blob, from the first 60 bits of its digest. Should two blobs share one, one waits in vain.
func lockOf(d digest.Digest) int64 {
	n, err := strconv.ParseInt(d.Encoded()[:15], 16, 64)
	if err != nil {
		panic("digest was not checked: " + d.String())
	}
	return lockBlobs + n
}

// lock waits for a lock. Closing the file gives it back.
func (s *Store) lock(ctx context.Context, at int64, kind int16) (*os.File, error) {
	for {
		f, err := s.tryLock(at, kind)
		if f != nil || err != nil {
			return f, err
		}
		select { // fcntl could wait by itself, but not be cancelled
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// tryLock returns nil if someone else has the lock.
func (s *Store) tryLock(at int64, kind int16) (*os.File, error) {
	f, err := os.OpenFile(s.path("lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: kind, Start: at, Len: 1})
	if err == nil {
		return f, nil
	}
	f.Close()
	if err == unix.EAGAIN || err == unix.EACCES {
		return nil, nil
	}
	return nil, fmt.Errorf("locking %s: %w", s.path("lock"), err)
}

// Hold keeps images from being removed until release is called. A container that is about to use an image holds the store from Resolve
// until Options.InUse knows of it.
func (s *Store) Hold(ctx context.Context) (release func(), err error) {
	if err := s.create(); err != nil {
		return nil, fmt.Errorf("holding image store: %w", err)
	}
	f, err := s.lock(ctx, lockHold, shared)
	if err != nil {
		return nil, fmt.Errorf("holding image store: %w", err)
	}
	return func() { f.Close() }, nil
}
