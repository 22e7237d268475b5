package plan

import (
	"cmp"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// The Go runtime takes memory in arenas of this size, which begin at multiples of it (runtime, heapArenaBytes).
	arena = 64 << 20
	// stack is more than the child has on its stack, on either side of where it is.
	stack = 16 << 10
)

// A span is memory from one address up to another.
type span struct{ from, to uintptr }

func spanOf[T any](s []T) span {
	from := uintptr(unsafe.Pointer(unsafe.SliceData(s)))
	return span{from, from + uintptr(cap(s))*unsafe.Sizeof(*new(T))}
}

// unneeded is what a child that leaves can do without from then on: the arena around it but for what the rest of its code goes by. It is a copy of the parent, which otherwise it would
// hold for as long as it waits, and in a container at that.
func (c *child) unneeded(g *program) []span {
	leaves := slices.IndexFunc(g.code, func(in instruction) bool { return in.kind == leave })
	if leaves < 0 {
		return nil
	}
	needed := append([]span{{uintptr(unsafe.Pointer(c)), uintptr(unsafe.Pointer(c)) + unsafe.Sizeof(*c)}, spanOf(c.results), spanOf(g.code[leaves:])}, g.pinned...)
	for _, in := range g.code[leaves:] {
		needed = append(needed, spanOf(in.allow), spanOf(in.fills))
	}
	list := make([]span, 0, len(needed)+2)
	needed = append(needed, spanOf(list[:cap(list)]))
	slices.SortFunc(needed, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	page := uintptr(unix.Getpagesize())
	at := uintptr(unsafe.Pointer(c)) &^ (arena - 1)
	end := at + arena
	for _, s := range append(needed, span{end, end}) {
		if s.to < at || s.from > end {
			continue
		}
		if to := s.from &^ (page - 1); at < to {
			list = append(list, span{at, to})
		}
		at = max(at, (s.to+page-1)&^(page-1))
	}
	return list
}

// forget gives that memory back, but for the stack, which may have been elsewhere when the list was made.
//
//go:nosplit
//go:norace
func (c *child) forget() {
	var here byte
	low := (uintptr(unsafe.Pointer(&here)) - stack) &^ (c.page - 1)
	high := (uintptr(unsafe.Pointer(&here)) + stack + c.page - 1) &^ (c.page - 1)
	for i := range c.spare {
		s := &c.spare[i]
		drop(s.from, min(s.to, low))
		drop(max(s.from, high), s.to)
	}
}

//go:nosplit
//go:norace
func drop(from, to uintptr) {
	if from < to {
		syscall.RawSyscall6(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED, 0, 0, 0)
	}
}
