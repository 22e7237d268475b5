package runtime

import (
	"strings"
	"testing"

	"stave/final/plan"
)

// A list of processors is read to its end or not at all.
func TestAffinity(t *testing.T) {
	for list, mask := range map[string]string{"0": "{0}", "0-1,3": "{0-1,3}", "1, 2": "{1, 2}", "1023": "{1023}"} {
		var p plan.Plan
		if err := affinity(&p, "field", list); err != nil {
			t.Error(err)
			continue
		}
		var text strings.Builder
		if err := p.WriteText(&text, nil); err != nil || !strings.Contains(text.String(), mask) {
			t.Errorf("%q gave %s, %v", list, text.String(), err)
		}
	}
	for _, list := range []string{"1x", "0-", "-1", "0-1:2", "0-1-2", "3-1", "1024", "0,,1", "0,", "+1", "0x1", "a"} {
		if err := affinity(&plan.Plan{}, "field", list); err == nil || !strings.Contains(err.Error(), "not a list of processors") {
			t.Errorf("%q gave %v", list, err)
		}
	}
}
