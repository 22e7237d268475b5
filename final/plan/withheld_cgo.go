//go:build cgo && !race

package plan

// A C library may have told the kernel of memory that it writes to on its own (rseq(2)), in the child, too.
const withheld = heap
