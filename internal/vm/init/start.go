package main

import (
	"os"

	"golang.org/x/sys/unix"

	"stave/internal/vm/guest"
)

// start is the first stage.
func start() error {
	if err := guest.Start(); err != nil {
		return err
	}
	return unix.Exec("/sbin/init", []string{"init", "system"}, os.Environ())
}
