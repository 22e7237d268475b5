package security

import (
	_ "embed"
	"strings"
)

// tableText is every system call of five kinds of machine, a line each, by name. The numbers are the kernel's: arch/x86/entry/syscalls,
// arch/arm/tools/syscall.tbl and include/uapi/asm-generic/unistd.h. A test compares them with golang.org/x/sys/unix.
//
//go:embed syscalls.txt
var tableText string

// Columns of the table.
const (
	columnAMD64 = iota
	columnX32
	column386
	columnARM64
	columnARM
	columns
)

// numbers are one system call's, by column; absent where a machine lacks it.
type numbers [columns]int32

const absent = -1

// readTable makes the table a map. It takes a good part of the time that compiling takes, hence no strconv.
func readTable() map[string]numbers {
	m := make(map[string]numbers, 512)
	_, rest, _ := strings.Cut(tableText, "\n") // the heading
	for rest != "" {
		end := strings.IndexByte(rest, ' ')
		name := rest[:end]
		var n numbers
		for i := range n {
			n[i] = absent
			for end++; rest[end] != ' ' && rest[end] != '\n'; end++ {
				if c := rest[end]; c != '-' {
					n[i] = max(n[i], 0)*10 + int32(c-'0')
				}
			}
		}
		m[name], rest = n, rest[end+1:]
	}
	return m
}
