package sleep

import (
	"math"
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "1": time.Second, "0.5": 500 * time.Millisecond, "2s": 2 * time.Second, "1.5m": 90 * time.Second, "1h": time.Hour,
		"1d": 24 * time.Hour, "infinity": math.MaxInt64, "inf": math.MaxInt64, "1e300": math.MaxInt64,
	} {
		if got, ok := Duration(text); !ok || got != want {
			t.Errorf("%q is %v, %v; it should be %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "s", "-1", "nan", "1w", "one"} {
		if got, ok := Duration(text); ok {
			t.Errorf("%q is %v, and should be refused", text, got)
		}
	}
}
