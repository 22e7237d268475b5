// Package threads keeps the Go runtime from needing a new thread at a bad moment. It ends the program when it can't have
// one, and in a container at its limit of processes (pids.max counts threads) it can't.
package threads

import (
	"runtime"
	"sync"
)

// enough for a program that does one thing at a time: one to wait in a system call, one to go on, one for signals.
const enough = 3

// Spare has the runtime make threads now and keep them for later.
func Spare() {
	var ready, done sync.WaitGroup
	ready.Add(enough)
	for range enough {
		done.Go(func() {
			runtime.LockOSThread()
			ready.Done()
			ready.Wait()
			runtime.UnlockOSThread() // a thread that ends locked would not be kept
		})
	}
	done.Wait()
}
