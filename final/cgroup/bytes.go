package cgroup

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ParseBytes reads a size as Docker does: a number, and b, k, m, g, t or p for powers of 1024, with an optional "b" or "ib" behind. At least one byte.
func ParseBytes(s string) (int64, error) {
	number := strings.TrimRight(s, "bBkKmMgGtTpPiI")
	unit := strings.ToLower(s[len(number):])
	shift, ok := map[string]int{
		"": 0, "b": 0, "k": 10, "kb": 10, "kib": 10, "m": 20, "mb": 20, "mib": 20, "g": 30, "gb": 30, "gib": 30, "t": 40, "tb": 40, "tib": 40, "p": 50, "pb": 50, "pib": 50,
	}[unit]
	n, err := strconv.ParseFloat(number, 64)
	bytes := n * math.Pow(2, float64(shift))
	if err != nil || !ok || !(bytes >= 1) || bytes >= math.MaxInt64 {
		return 0, fmt.Errorf("%q: give a number of bytes, or one with a unit as in 64M or 1G", s)
	}
	return int64(bytes), nil
}
