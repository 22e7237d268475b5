package main

import (
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"

	"stave/internal/vm/guest"
)

// results is the second serial port, where nothing but a job writes. The kernel and this process use the first.
const results = "/dev/ttyS1"

// initialise is the first process of a virtual machine. Whatever goes wrong, the machine switches itself off.
func initialise(args []string) error {
	if err := runInMachine(args); err != nil {
		fmt.Fprintf(os.Stderr, "job: %v\n", err)
	}
	unix.Sync()
	return unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

func runInMachine(args []string) error {
	program, err := os.Open("/init") // it isn't on the disk, which is the root from here on
	if err != nil {
		return err
	}
	defer program.Close()
	if err := guest.Start(); err != nil {
		return err
	}
	port, err := os.OpenFile(results, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	defer port.Close()
	cmd := exec.Command(fmt.Sprintf("/proc/self/fd/%d", program.Fd()), args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = port, port, os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	return unix.IoctlSetInt(int(port.Fd()), unix.TCSBRK, 1) // tcdrain(3): switching off doesn't wait for what is not sent
}
