package plan

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// extent is how much can be laid out, in bytes. Only what is used of it is ever there; execve(2) takes 6 MiB of arguments.
	extent = 16 << 20
	// arena is the size of the pieces in which the Go runtime takes its heap, which begin at multiples of it (runtime, heapArenaBytes).
	arena = 64 << 20
)

// A layout is memory outside of the Go heap, whose addresses stay what they are. Everything that a child needs lies in it, so that the child gets it and not the heap.
type layout struct {
	memory, free []byte
	copies       map[*byte]uintptr // where bytes lie that were put there before: two calls may share a buffer
}

func (l *layout) open() (err error) {
	l.memory, err = unix.Mmap(-1, 0, extent, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return fmt.Errorf("taking memory for the plan: %w", err)
	}
	l.free, l.copies = l.memory, map[*byte]uintptr{}
	return nil
}

// release gives it back. Nothing that lies in it may be used any more.
func (l *layout) release() { _ = unix.Munmap(l.memory) }

// room is so much memory, all zeros, and where it is.
func (l *layout) room(size int) ([]byte, uintptr, error) {
	size = max((size+7)&^7, 8) // so that whatever comes after it is aligned
	if size > len(l.free) {
		return nil, 0, fmt.Errorf("laying out the plan: more than %d bytes: %w", extent, unix.E2BIG)
	}
	b := l.free[:size:size]
	l.free = l.free[size:]
	return b, uintptr(unsafe.Pointer(&b[0])), nil
}

// bytes puts a copy of them there.
func (l *layout) bytes(b []byte) (uintptr, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if address, ok := l.copies[&b[0]]; ok {
		return address, nil
	}
	to, address, err := l.room(len(b))
	if err == nil {
		copy(to, b)
		l.copies[&b[0]] = address
	}
	return address, err
}

func (l *layout) cstring(s string) (uintptr, error) {
	if strings.IndexByte(s, 0) >= 0 {
		return 0, fmt.Errorf("%q has a NUL byte in it: %w", s, unix.EINVAL)
	}
	b, address, err := l.room(len(s) + 1)
	copy(b, s)
	return address, err
}

// carve is room for so many of a type, which may point to nothing but other memory of the layout.
func carve[T any](l *layout, n int) ([]T, error) {
	if n == 0 {
		return nil, nil
	}
	b, _, err := l.room(n * int(unsafe.Sizeof(*new(T))))
	if err != nil {
		return nil, err
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), n), nil
}

// one is room for a single one.
func one[T any](l *layout) (*T, error) {
	s, err := carve[T](l, 1)
	if err != nil {
		return nil, err
	}
	return &s[0], nil
}

// placed is a copy of a slice there.
func placed[T any](l *layout, from []T) ([]T, error) {
	to, err := carve[T](l, len(from))
	copy(to, from)
	return to, err
}

// What a child can do without; withheld is how much of it this program keeps from its children.
const (
	heap     = 1 << iota // the Go heap around the layout itself
	mappings             // what lies between its memory and the program's arguments, where the kernel maps what it is asked for
	nothing  = 0
)

// inherit tells the kernel by MADV_DONTFORK to keep that from a child, and by MADV_DOFORK not to (madvise(2)). What the child doesn't have need not be copied, neither then nor
// page by page when one of the two writes to it, and nobody can find the host's secrets in it. Where the kernel won't, the child gets it.
func (l *layout) inherit(advice int) {
	advise := func(from, to uintptr) {
		code := reflect.ValueOf(begin).Pointer() // of a position-independent program it may lie anywhere
		if from < to && (code < from || code >= to) {
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, from, to-from, uintptr(advice)) // ENOMEM is only about gaps
		}
	}
	if withheld&heap != 0 {
		from := uintptr(unsafe.Pointer(l)) &^ (arena - 1)
		advise(from, from+arena)
	}
	if withheld&mappings != 0 && len(os.Args) > 0 {
		arguments := uintptr(unsafe.Pointer(unsafe.StringData(os.Args[0])))
		advise(uintptr(unsafe.Pointer(&l.memory[0]))+extent, arguments&^uintptr(unix.Getpagesize()-1))
	}
}
