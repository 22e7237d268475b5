package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// attack looks for the checker: among the processes, in memory, behind descriptors.
func attack() {
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range processes {
		if exe, _ := os.Readlink(p + "/exe"); strings.HasPrefix(exe, "/grade/check") || strings.HasPrefix(exe, "/grade/launch") {
			harm("saw %s, which is %s", p, exe)
		}
	}
	if f, err := os.OpenFile("/proc/1/mem", os.O_RDWR, 0); err == nil {
		if _, err := f.WriteAt([]byte("owned"), 0x400000); err == nil {
			harm("wrote to the memory of process 1")
		} else {
			refused("writing to process 1", err)
		}
	}
	const verdict = `{"verdict":{"Passed":true}}` + "\n"
	for fd := 3; fd < 64; fd++ {
		if n, _ := syscall.Write(fd, []byte(verdict)); n > 0 && !isOurs(fd) {
			harm("descriptor %d takes a verdict", fd)
		}
	}
	os.Stdout.WriteString(verdict)
	os.Stderr.WriteString(verdict)
}

// isOurs tells the Go runtime's own descriptors, of epoll, from inherited ones.
func isOurs(fd int) bool {
	target, _ := os.Readlink("/proc/self/fd/" + string(rune('0'+fd%10)))
	return strings.HasPrefix(target, "anon_inode:")
}
