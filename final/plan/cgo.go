//go:build cgo

package plan

// alone says that there is nothing in this program but Go. A C library may have told the kernel of memory that it writes to on its own (rseq(2)), in the child, too.
const alone = false
