// Package size reads and writes numbers of bytes. Units are powers of 1024, as `docker run --memory` has them.
package size

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

const units = "KMGTPE"

// Parse reads a number with an optional unit: 512, 4k, 200M, 1G, 200MiB.
func Parse(text string) (int64, error) {
	number := strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(text), "B"), "I")
	shift := 0
	if len(number) > 1 {
		if unit := strings.IndexByte(units, number[len(number)-1]); unit >= 0 {
			shift = 10 * (unit + 1)
			number = number[:len(number)-1]
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("%q is not a size such as 512, 64K or 200M", text)
	}
	return n << shift, nil
}

// Human returns a number of bytes in at most four characters and a unit, as `ls -h` and `df -h` do: 512, 1.5K, 200M.
// Like theirs it is rounded up, so that nothing looks smaller than it is.
func Human(bytes uint64) string {
	if bytes < 1024 {
		return strconv.FormatUint(bytes, 10)
	}
	value := float64(bytes)
	unit := -1
	for value >= 1024 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	if value < 10 {
		if tenths := math.Ceil(value * 10); tenths < 100 {
			return fmt.Sprintf("%.1f%c", tenths/10, units[unit])
		}
	}
	whole := math.Ceil(value)
	if whole >= 1024 && unit < len(units)-1 {
		return fmt.Sprintf("1.0%c", units[unit+1])
	}
	return fmt.Sprintf("%.0f%c", whole, units[unit])
}

// Blocks returns a number of bytes in units of the given size, rounded up.
func Blocks(bytes, unit uint64) uint64 {
	return bytes/unit + min(bytes%unit, 1)
}
