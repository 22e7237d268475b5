package script

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
)

// Program386 is a program for the 386, all of it: it makes one system call with one argument and exits with its errno.
func Program386(number, first uint32) []byte {
	var b []byte
	word := func(list ...uint32) {
		for _, w := range list {
			b = binary.LittleEndian.AppendUint32(b, w)
		}
	}
	const base, header = 0x10000, 52 + 32
	code := []byte{0xb8, 0, 0, 0, 0, 0xbb, 0, 0, 0, 0, 0x31, 0xc9, 0x31, 0xd2, 0xcd, 0x80, // mov eax, number; mov ebx, first; xor ecx, ecx; xor edx, edx; int 0x80
		0xf7, 0xd8, 0x89, 0xc3, 0xb8, 1, 0, 0, 0, 0xcd, 0x80} // neg eax; mov ebx, eax; mov eax, 1 (exit); int 0x80
	binary.LittleEndian.PutUint32(code[1:], number)
	binary.LittleEndian.PutUint32(code[6:], first)
	b = append(b, "\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x03\x00"...)
	word(1, base+header, 52, 0, 0, 52|32<<16, 1, 0) // entry; program headers at 52, one of 32 bytes
	size := uint32(header + len(code))
	word(1, 0, base, base, size, size, 5, 0x1000) // PT_LOAD, to be read and executed
	return append(b, code...)
}

// runs386 tries it: the kernel may have been built without CONFIG_IA32_EMULATION, or told to leave it off, and only that of amd64 has it.
func runs386() bool {
	dir, err := os.MkdirTemp("", "stave-386-")
	if err != nil {
		return false
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "program")
	const getpid = 20
	if err := os.WriteFile(file, Program386(getpid, 0), 0o700); err != nil {
		return false
	}
	program := exec.Command(file)
	if err := program.Start(); err != nil {
		return false
	}
	_ = program.Wait() // whatever its exit code: it has run
	return true
}
