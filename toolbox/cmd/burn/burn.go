// Package burn keeps processors busy, to meet a CPU limit; see cpu.max in Documentation/admin-guide/cgroup-v2.rst.
//
// Synopsis:
//
//	burn THREADS SECONDS
//
// At the end it says how much CPU time it was given: 2 threads that run freely for 5 seconds get 10, and get 2.5 when
// held to half a processor.
package burn

import (
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmdline"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("burn THREADS SECONDS")
	if status, ok := line.Read(args); !ok {
		return status
	}
	if line.NArg() != 2 {
		return line.Misuse("how many threads, for how many seconds? for example: burn 2 5")
	}
	threads, err := strconv.Atoi(line.Arg(0))
	if err != nil || threads < 1 || threads > 1000 {
		return line.Misuse("%q is not a number of threads from 1 to 1000", line.Arg(0))
	}
	seconds, err := strconv.ParseFloat(line.Arg(1), 64)
	if err != nil || !(seconds > 0 && seconds < 1e6) {
		return line.Misuse("%q is not a number of seconds", line.Arg(1))
	}
	start := time.Now()
	spin(threads, start.Add(time.Duration(seconds*float64(time.Second))))
	elapsed := time.Since(start).Seconds()
	used, err := cpuTime()
	if err != nil {
		return line.Fail(err)
	}
	fmt.Printf("burn: %d threads for %.2f s used %.2f s of CPU time: %.2f CPUs\n", threads, elapsed, used, used/elapsed)
	return cmdline.Success
}

// spin keeps the given number of threads busy until the deadline.
func spin(threads int, deadline time.Time) {
	// One more than asked for, so that the goroutine that waits doesn't take its turn on a busy thread.
	runtime.GOMAXPROCS(threads + 1)
	var all sync.WaitGroup
	for range threads {
		all.Go(func() {
			runtime.LockOSThread()
			for time.Now().Before(deadline) {
			}
		})
	}
	all.Wait()
}

// cpuTime returns the seconds of CPU time this process has used, in its own code and in the kernel.
func cpuTime() (float64, error) {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0, fmt.Errorf("getrusage: %w", err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds(), nil
}
