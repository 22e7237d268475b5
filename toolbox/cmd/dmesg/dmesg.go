// Package dmesg shows the kernel's messages, among them what the OOM killer did. There is one kernel, and it doesn't
// tell containers apart, so this may be kept from them; see syslog(2).
//
// Synopsis:
//
//	dmesg
package dmesg

import (
	"bytes"
	"os"
	"regexp"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmdline"
)

// Actions of syslog(2).
const (
	readAll    = 3
	sizeBuffer = 10
)

// priority is what each message starts with; see printk in Documentation/core-api/printk-basics.rst.
var priority = regexp.MustCompile(`(?m)^<\d+>`)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("dmesg")
	if status, ok := line.Read(args); !ok {
		return status
	}
	size, err := unix.Klogctl(sizeBuffer, nil)
	if err != nil {
		return line.Failf("reading the kernel's messages: %w", err)
	}
	buffer := make([]byte, size)
	n, err := unix.Klogctl(readAll, buffer)
	if err != nil {
		return line.Failf("reading the kernel's messages: %w (see kernel.dmesg_restrict in proc_sys_kernel(5))", err)
	}
	text := priority.ReplaceAll(buffer[:n], nil)
	if len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) {
		text = append(text, '\n')
	}
	if _, err := os.Stdout.Write(text); err != nil {
		return line.Fail(err)
	}
	return cmdline.Success
}
