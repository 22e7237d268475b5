package size

import (
	"math"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "512": 512, "4k": 4096, "4K": 4096, "200M": 200 << 20, "1G": 1 << 30, "1GiB": 1 << 30, "2MB": 2 << 20, "1T": 1 << 40,
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("Parse(%q) is %d, %v; it should be %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "M", "-1", "1.5M", "1X", "9223372036854775808", "9999999999G"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("Parse(%q) is %d, and should be refused", text, got)
		}
	}
}

// TestHuman has what GNU ls -h says of these sizes.
func TestHuman(t *testing.T) {
	for bytes, want := range map[uint64]string{
		0: "0", 1023: "1023", 1024: "1.0K", 1025: "1.1K", 10 * 1024: "10K", 10*1024 + 1: "11K", 1024*1024 - 1: "1.0M",
		200 << 20: "200M", 3 << 29: "1.5G", math.MaxUint64: "16E",
	} {
		if got := Human(bytes); got != want {
			t.Errorf("Human(%d) is %q; it should be %q", bytes, got, want)
		}
	}
}

func TestBlocks(t *testing.T) {
	for bytes, want := range map[uint64]uint64{0: 0, 1: 1, 1024: 1, 1025: 2, math.MaxUint64: 1 << 54} {
		if got := Blocks(bytes, 1024); got != want {
			t.Errorf("Blocks(%d, 1024) is %d; it should be %d", bytes, got, want)
		}
	}
}
