// Package spawn starts children that do nothing, to meet a limit on their number; see pids.max in
// Documentation/admin-guide/cgroup-v2.rst.
//
// Synopsis:
//
//	spawn [-t SECONDS] N
//
// It says how many it got, and with which error the kernel refused the first it didn't get (exit status 1). It holds
// them until Enter is pressed or its input ends, and ends them all. They end as well if spawn itself is killed. The limit
// counts threads, of which spawn itself and the shell it is started from have several each, so it gets fewer than the
// limit.
//
// Options:
//
//	-t SECONDS  hold for so long instead
package spawn

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmd/hold"
	"stave/toolbox/cmdline"
	"stave/toolbox/threads"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("spawn [-t SECONDS] N")
	seconds := line.Float64P("time", "t", -1, hold.Usage)
	if status, ok := line.Read(args); !ok {
		return status
	}
	if line.NArg() != 1 {
		return line.Misuse("how many? for example: spawn 100")
	}
	wanted, err := strconv.Atoi(line.Arg(0))
	if err != nil || wanted < 1 {
		return line.Misuse("%q is not a number of children", line.Arg(0))
	}
	threads.Spare()
	debug.SetGCPercent(-1) // a collection would want them
	// The children ask to die with the thread that forked them, so it must last as long as the process.
	runtime.LockOSThread()
	children, refused := start(wanted)
	defer end(children)
	if refused == 0 {
		fmt.Printf("spawn: %d children\n", len(children))
	} else {
		fmt.Printf("spawn: %d of %d children, then the kernel refused: %v (%s)\n",
			len(children), wanted, refused, unix.ErrnoName(refused))
	}
	hold.On(*seconds)
	if refused != 0 {
		return cmdline.Failure
	}
	return cmdline.Success
}

// end kills the children and waits for each.
func end(children []int) {
	for _, pid := range children {
		unix.Kill(pid, unix.SIGKILL) // it is ours and unreaped, so the number is still its own
	}
	for _, pid := range children {
		for {
			if _, err := unix.Wait4(pid, nil, 0, nil); err != unix.EINTR {
				break
			}
		}
	}
}
