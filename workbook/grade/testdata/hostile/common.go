// Package main of hostile answers: each of the other files here has an attack, and is compiled with this one and with the
// victims that the test has made.
package main

import (
	"fmt"
	"os"
	"syscall"
)

func main() {
	// Should the sandbox be missing, the attacks must not meet the machine that the tests run on.
	if line, err := os.ReadFile("/proc/1/cmdline"); err != nil || string(line) != "/grade/pause\x00" {
		harm("there is no sandbox: process 1 is %q, %v", line, err)
	}
	attack()
	fmt.Println("the attack is over")
	os.Exit(1)
}

// harm says that an attack has succeeded.
func harm(format string, args ...any) {
	fmt.Printf("HARM: "+format+"\n", args...)
	os.Exit(1)
}

// refused says that it hasn't, and what the kernel says.
func refused(what string, err error) { fmt.Printf("refused: %s: %v\n", what, err) }

// again runs this program once more, as somebody that the check knows nothing of.
func again(words ...string) (*os.Process, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return os.StartProcess("/proc/self/exe", append(os.Args[:1], words...), &os.ProcAttr{
		Files: []*os.File{null, null, null}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
}
