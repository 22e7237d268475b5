package main

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// attack leaves somebody behind who has the check's pipes.
func attack() {
	if len(os.Args) > 2 {
		time.Sleep(time.Hour)
	}
	if _, err := os.StartProcess("/proc/self/exe", []string{"step", "x", marker}, &os.ProcAttr{
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}, Sys: &syscall.SysProcAttr{Setsid: true}}); err != nil {
		refused("staying", err)
	}
	fmt.Println(os.Args[1])
	os.Exit(0)
}
