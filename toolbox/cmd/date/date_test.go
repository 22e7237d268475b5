package date

import (
	"testing"
	"time"
)

// TestFormat has what GNU date writes.
func TestFormat(t *testing.T) {
	zone := time.FixedZone("CET", 3600)
	moment := time.Date(2026, 1, 4, 9, 5, 7, 1200, zone)
	for format, want := range map[string]string{
		"%Y-%m-%d %H:%M:%S": "2026-01-04 09:05:07", "%a %A %b %B": "Sun Sunday Jan January", "%e|%k|%I %p": " 4| 9|09 AM",
		"%j %u %w %V": "004 7 0 01", "%s": "1767513907", "%N": "000001200", "%z %:z %Z": "+0100 +01:00 CET",
		"%D %F %T %R": "01/04/26 2026-01-04 09:05:07 09:05", "%C%y%n%t%%": "2026\n\t%", "%q%": "%q%", "plain": "plain",
	} {
		if got := Format(moment, format); got != want {
			t.Errorf("%q is %q; it should be %q", format, got, want)
		}
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]int64{
		"@0": 0, "@-5": -5, "2026-01-31T12:00:00Z": 1769860800, "2026-01-31T13:00:00+01:00": 1769860800,
		"Sat, 31 Jan 2026 12:00:00 +0000": 1769860800,
	} {
		if got, err := Parse(text); err != nil || got.Unix() != want {
			t.Errorf("%q is %v, %v; it should be %v", text, got, err, time.Unix(want, 0))
		}
	}
	if got, err := Parse("10:30"); err != nil || got.Hour() != 10 || got.Year() != time.Now().Year() {
		t.Errorf("half past ten today is %v, %v", got, err)
	}
	for _, text := range []string{"", "@", "@x", "soon", "2026-13-01"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q is %v, and should be refused", text, got)
		}
	}
}
