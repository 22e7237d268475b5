package kill

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestSignal(t *testing.T) {
	for text, want := range map[string]unix.Signal{
		"9": 9, "0": 0, "KILL": 9, "kill": 9, "SIGKILL": 9, "sigterm": 15, "TERM": 15, "HUP": 1, "64": 64,
	} {
		if got, ok := Signal(text); !ok || got != want {
			t.Errorf("%q is %d, %v; it should be %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "SIG", "NOSUCH", "-1", "65", "9x"} {
		if got, ok := Signal(text); ok {
			t.Errorf("%q is %d, and should be refused", text, got)
		}
	}
}
