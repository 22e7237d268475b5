package main

import (
	"os"
	"syscall"
)

// attack ends as if all were well, without having done anything, and stops those who wait for it.
func attack() {
	syscall.Kill(os.Getppid(), syscall.SIGTERM)
	syscall.RawSyscall(syscall.SYS_PTRACE, syscall.PTRACE_TRACEME, 0, 0)
	os.Exit(0)
}
