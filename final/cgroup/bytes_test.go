package cgroup

import "testing"

func TestParseBytes(t *testing.T) {
	for in, want := range map[string]int64{
		"1": 1, "64M": 64 << 20, "64m": 64 << 20, "64MiB": 64 << 20, "1.5k": 1536, "2gb": 2 << 30, "7b": 7, "1T": 1 << 40, "2P": 2 << 50,
		"": 0, "M": 0, "0": 0, "0.5": 0, "-1": 0, "1x": 0, "1 M": 0, "NaN": 0, "Inf": 0, "1e30": 0, "9000000T": 0, "64MM": 0,
	} {
		got, err := ParseBytes(in)
		if got != want || (want == 0) != (err != nil) {
			t.Errorf("ParseBytes(%q) = %d, %v; want %d", in, got, err, want)
		}
	}
}

func FuzzParseBytes(f *testing.F) {
	for _, s := range []string{"64M", "1.5GiB", "-0", "1e3k", "bbb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := ParseBytes(s); err == nil && n < 1 {
			t.Errorf("ParseBytes(%q) = %d", s, n)
		}
	})
}
