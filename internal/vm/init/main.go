// Init is the first process of the virtual machine that stave/internal/vm boots, three times over: in the initramfs it
// loads modules and goes over to the disk; on the disk it mounts what a running system has and becomes the process that
// reaps orphans; and as that one's only child it carries out the plan.
package main

import (
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

func main() {
	stage := start
	if len(os.Args) > 1 {
		stage = map[string]func() error{"system": system, "work": work}[os.Args[1]]
	}
	if err := stage(); err != nil {
		fmt.Fprintf(os.Stderr, "init: %v\n", err)
		if os.Getpid() != 1 {
			os.Exit(1)
		}
		powerOff()
	}
}

// system is the second stage.
func system() error {
	if err := mountSystem(); err != nil {
		return err
	}
	if err := configure(); err != nil {
		return err
	}
	worker := exec.Command("/proc/self/exe", "work")
	worker.Stdout, worker.Stderr = os.Stdout, os.Stderr
	if err := worker.Start(); err != nil {
		return err
	}
	reapUntil(worker.Process.Pid)
	powerOff()
	return nil
}

// reapUntil waits for every process that ends up as a child of process 1, as that one has to, until the one given ends.
func reapUntil(last int) {
	for {
		pid, err := unix.Wait4(-1, nil, 0, nil)
		if err != nil && err != unix.EINTR {
			return
		}
		if pid == last {
			return
		}
	}
}

func powerOff() {
	unix.Sync()
	unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}
