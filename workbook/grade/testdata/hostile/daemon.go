package main

import (
	"fmt"
	"os"
	"os/signal"
	"time"
)

// attack leaves somebody behind, says the right thing, and hopes that nobody notices.
func attack() {
	if len(os.Args) > 2 {
		signal.Ignore()
		time.Sleep(time.Hour)
	}
	if _, err := again("x", marker); err != nil {
		refused("staying", err)
	}
	fmt.Println(os.Args[1])
	os.Exit(0)
}
