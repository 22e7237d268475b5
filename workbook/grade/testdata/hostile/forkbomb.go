package main

import "time"

// attack starts itself twice, and so on.
func attack() {
	for range 2 {
		if _, err := again("x"); err != nil {
			refused("starting one more", err)
		}
	}
	time.Sleep(time.Hour)
}
