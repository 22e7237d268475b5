package find

import "testing"

func TestNumber(t *testing.T) {
	for _, test := range []struct {
		text    string
		matches []int64
		not     []int64
		unit    byte
	}{
		{"5", []int64{5}, []int64{4, 6}, 0},
		{"+5", []int64{6, 100}, []int64{5, 4}, 0},
		{"-5k", []int64{4, 0}, []int64{5, 6}, 'k'},
	} {
		matches, unit, err := number(test.text, "ck")
		if err != nil || unit != test.unit {
			t.Errorf("%q: unit %c, %v", test.text, unit, err)
			continue
		}
		for _, n := range test.matches {
			if !matches(n) {
				t.Errorf("%q doesn't match %d", test.text, n)
			}
		}
		for _, n := range test.not {
			if matches(n) {
				t.Errorf("%q matches %d", test.text, n)
			}
		}
	}
	for _, text := range []string{"", "k", "x", "+-5", "5kk", "5-"} {
		if _, _, err := number(text, "k"); err == nil {
			t.Errorf("%q is taken for a number", text)
		}
	}
}
