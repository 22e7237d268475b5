package main

import "time"

// sieveFor runs the sieve of Eratosthenes again and again, and returns how many times a second it was done. It is plain
// arithmetic in a little memory, without the instructions that some processors have for hashing or for vectors and a
// virtual one has not.
func sieveFor(d time.Duration) float64 {
	composite := make([]bool, 1<<16)
	sieve(composite) // the pages are touched, and the processor has woken up
	began := time.Now()
	for n := 1; ; n++ {
		sieve(composite)
		if took := time.Since(began); took >= d {
			return float64(n) / took.Seconds()
		}
	}
}

// sieve marks every number that is no prime, and returns how many primes there are below len(composite).
func sieve(composite []bool) int {
	clear(composite)
	primes := 0
	for n := 2; n < len(composite); n++ {
		if composite[n] {
			continue
		}
		primes++
		for m := n * n; m < len(composite); m += n {
			composite[m] = true
		}
	}
	return primes
}
