// Package threads keeps the Go runtime from needing a new thread at a bad moment. It ends the program when it can't have
// one, and in a container at its limit of processes (pids.max counts threads) it can't.
package threads

import (
	"runtime"
	"sync"
)

// enough for a program that does one thing at a time: one to wait in a system call, one to go on, one on its way from the
// one to the other, and two for package os/signal, which has a goroutine locked to its thread and one in a system call.
const enough = 5

// Spare has the runtime make threads now and keep them for later. It also holds the program to one processor: with more of
// them the runtime wakes a thread, or makes one, for each that is idle whenever a goroutine can go on.
func Spare() {
	runtime.GOMAXPROCS(1) // returns when no thread is being made any more
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
