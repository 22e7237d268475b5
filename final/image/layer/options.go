package layer

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"github.com/opencontainers/go-digest"
)

// Kind says what the process that unpacks may do, and so in what form layers lie on disk.
type Kind int

const (
	// Root keeps owners, devices and file capabilities. Opaque directories say trusted.overlay.opaque.
	Root Kind = iota
	// Mapped is root of a user namespace with a range of ids: owners are kept, as far as they are mapped. Devices are
	// left out, for nobody could open them. Opaque directories say user.overlay.opaque, for a mount with "userxattr".
	Mapped
	// Single is an ordinary user: everything belongs to that user, the rest is as in Mapped. No user namespace is needed,
	// since anyone may make a whiteout device (Linux 5.8 and later).
	Single
)

// Here is the kind this process can do itself: Root with all ids of the machine, Mapped as root of a namespace with
// several, else Single. See user_namespaces(7), "User and group ID mappings".
func Here() Kind {
	if os.Geteuid() != 0 {
		return Single
	}
	idMap, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return Single
	}
	var ids uint64 // in all lines: a usual map has one for the user's own id and one for the range
	for line := range strings.Lines(string(idMap)) {
		var inside, outside, count uint64
		if n, _ := fmt.Sscan(line, &inside, &outside, &count); n < 3 {
			return Single
		}
		if outside == 0 && count == 1<<32-1 {
			return Root
		}
		ids += count
	}
	if ids <= 1 {
		return Single
	}
	return Mapped
}

// Suffix tells directories of unpacked layers of the three kinds apart: "", ".mapped", ".single".
func (k Kind) Suffix() string {
	return [...]string{"", ".mapped", ".single"}[k]
}

// xattr is the prefix of overlayfs's extended attributes, which decides whether it needs the mount option "userxattr".
func (k Kind) xattr() string {
	if k == Root {
		return "trusted.overlay."
	}
	return "user.overlay."
}

// Options of Unpack. The zero value unpacks as root, within DefaultLimits, whatever the diff ID.
type Options struct {
	Kind   Kind
	DiffID digest.Digest // the digest the uncompressed stream must have; not checked if empty
	Limits Limits        // DefaultLimits if zero
}

// Result of Unpack.
type Result struct {
	DiffID  digest.Digest // of the uncompressed stream
	Size    int64         // bytes of the uncompressed stream
	Entries int           // of the archive
}

// Limits stop archives made to fill a disk. See DefaultLimits.
type Limits struct {
	Bytes   int64 // of one layer, uncompressed
	Entries int   // of one layer
	Name    int   // bytes of an entry's name or of where a link points
	Ratio   int64 // bytes out for each byte in, once Floor is passed
	Floor   int64 // bytes out before Ratio counts
}

// DefaultLimits let real images pass: layers of 100 GiB exist in machine learning, and text compresses to a tenth, rarely to
// a hundredth. Ten gigabytes of zeros compress to a thousandth and stop after the first.
func DefaultLimits() Limits {
	return Limits{Bytes: 256 << 30, Entries: 1_000_000, Name: 4095, Ratio: 200, Floor: 1 << 30}
}

func (l Limits) orDefault() Limits {
	if l == (Limits{}) {
		return DefaultLimits()
	}
	return l
}

// What Unpack refuses. Other errors come from the kernel (a full disk) or from the stream (a broken connection).
var (
	ErrLimit  = errors.New("layer exceeds a limit")
	ErrUnsafe = errors.New("unsafe layer")
	ErrDigest = errors.New("layer has the wrong diff ID")
)

// meter counts bytes that come out against bytes that went in.
type meter struct {
	limits Limits
	in     *atomic.Int64
	out    int64
}

func (m *meter) add(n int) error {
	m.out += int64(n)
	if m.out > m.limits.Bytes {
		return fmt.Errorf("%w: more than %d bytes", ErrLimit, m.limits.Bytes)
	}
	if in := m.in.Load(); m.out > m.limits.Floor && m.out/m.limits.Ratio > in {
		return fmt.Errorf("%w: %d bytes from %d, more than %d times as many: a decompression bomb", ErrLimit, m.out, in, m.limits.Ratio)
	}
	return nil
}
