// Job is the program that the benchmarks run, the same file on the machine itself, in a container and in a virtual
// machine. It measures itself by the clock it finds there, and says what it found in a line of JSON.
//
// Synopsis:
//
//	job hello           say that it runs, and end
//	job idle TIME       say that it runs, and wait for a line of input or the end of it, or for so long
//	job cpu TIME        look for prime numbers for so long: {"rate": SIEVES_A_SECOND}
//	job disk FILE SIZE  write a file of so many bytes, and read it: {"write": BYTES_A_SECOND, "read": BYTES_A_SECOND}
//
// As /init of a virtual machine it makes the machine ready first, runs itself with the arguments on the kernel's command
// line, and switches off.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

func main() {
	run := job
	if os.Args[0] == "/init" {
		run = initialise
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "job: %v\n", err)
		os.Exit(1)
	}
}

var errUsage = errors.New(`usage: "job hello", "job idle TIME", "job cpu TIME" or "job disk FILE SIZE"`)

func job(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "hello":
		return say(map[string]bool{"running": true})
	case len(args) == 2 && args[0] == "idle":
		d, err := time.ParseDuration(args[1])
		if err != nil {
			return err
		}
		return idle(d)
	case len(args) == 2 && args[0] == "cpu":
		d, err := time.ParseDuration(args[1])
		if err != nil {
			return err
		}
		return say(map[string]float64{"rate": sieveFor(d)})
	case len(args) == 3 && args[0] == "disk":
		size, err := strconv.ParseInt(args[2], 10, 64)
		if err != nil {
			return err
		}
		write, read, err := useDisk(args[1], size)
		if err != nil {
			return err
		}
		return say(map[string]float64{"write": write, "read": read})
	}
	return errUsage
}

func say(v any) error { return json.NewEncoder(os.Stdout).Encode(v) }

// idle waits for a line of standard input, or its end. Where neither comes, the time does.
func idle(d time.Duration) error {
	if err := say(map[string]bool{"running": true}); err != nil {
		return err
	}
	told := make(chan struct{})
	go func() {
		defer close(told)
		var b [1]byte
		_, _ = os.Stdin.Read(b[:])
	}()
	select {
	case <-told:
	case <-time.After(d):
	}
	return nil
}
