package main

import "os"

// attack fills the disk, with one file and with many.
func attack() {
	block := make([]byte, 1<<20)
	total := 0
	for _, name := range []string{"a", "b", "c", "d", "e", "/tmp/f", "/dev/shm/g", "/run/h", "/dev/i"} {
		f, err := os.Create(name)
		if err != nil {
			refused("making "+name, err)
			continue
		}
		for err == nil {
			_, err = f.Write(block)
			total++
			if total > 4096 {
				harm("wrote 4 GiB")
			}
		}
		refused("writing more", err)
	}
}
