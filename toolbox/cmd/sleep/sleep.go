// Package sleep waits.
//
// Synopsis:
//
//	sleep NUMBER[smhd]…
//
// Several numbers are added up. A number may have a fraction, and "infinity" is one.
package sleep

import (
	"math"
	"strconv"
	"strings"
	"time"

	"stave/toolbox/cmdline"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("sleep NUMBER[smhd]…")
	if status, ok := line.Read(args); !ok {
		return status
	}
	if line.NArg() == 0 {
		return line.Misuse("how long?")
	}
	var total time.Duration
	for _, arg := range line.Args() {
		d, ok := Duration(arg)
		if !ok {
			return line.Misuse("%q is not a time", arg)
		}
		if total > math.MaxInt64-d {
			d = math.MaxInt64 - total
		}
		total += d
	}
	time.Sleep(total)
	return cmdline.Success
}

// Duration reads "5", "0.5", "2m" or "infinity", which stands for 292 years. timeout reads its times with it too.
func Duration(text string) (time.Duration, bool) {
	unit := time.Second
	number := text
	switch {
	case strings.HasSuffix(text, "s"):
		number = text[:len(text)-1]
	case strings.HasSuffix(text, "m"):
		unit, number = time.Minute, text[:len(text)-1]
	case strings.HasSuffix(text, "h"):
		unit, number = time.Hour, text[:len(text)-1]
	case strings.HasSuffix(text, "d"):
		unit, number = 24*time.Hour, text[:len(text)-1]
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || n < 0 || math.IsNaN(n) {
		return 0, false
	}
	if n >= float64(math.MaxInt64)/float64(unit) {
		return math.MaxInt64, true
	}
	return time.Duration(n * float64(unit)), true
}
