package main

// attack takes all memory.
func attack() {
	var all [][]byte
	for {
		b := make([]byte, 64<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		all = append(all, b)
		if len(all) > 64 {
			harm("took 4 GiB")
		}
	}
}
