package main

import (
	"os/signal"
	"time"
)

// attack waits for ever, and takes no signal.
func attack() {
	signal.Ignore()
	time.Sleep(time.Hour)
}
