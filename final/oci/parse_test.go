package main

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestParseSignal(t *testing.T) {
	for text, want := range map[string]unix.Signal{"9": 9, "KILL": 9, "sigterm": 15, "Usr1": 10, "0": 0, "64": 64} {
		if got, err := parseSignal(text); err != nil || got != want {
			t.Errorf("parseSignal(%q) = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "NOSUCH", "65", "-1", "9x"} {
		if got, err := parseSignal(text); err == nil {
			t.Errorf("parseSignal(%q) = %v", text, got)
		}
	}
}

func TestBytes(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "-1": -1, "1024": 1024, "1k": 1 << 10, "1K": 1 << 10, "2MB": 2 << 20, "3GiB": 3 << 30, "1t": 1 << 40, "5b": 5, "1.5G": 3 << 29} {
		var got *int64
		if err := bytes(text, &got); err != nil || *got != want {
			t.Errorf("bytes(%q) = %v, %v; want %d", text, *got, err, want)
		}
	}
	for _, text := range []string{"", "k", "1x", "1 G", "-2", "-1k", "9999999999G"} {
		var got *int64
		if err := bytes(text, &got); err == nil {
			t.Errorf("bytes(%q) = %d", text, *got)
		}
	}
}

// Half a number is nobody (CVE-2026-30892).
func TestSetUser(t *testing.T) {
	for text, want := range map[string]specs.User{"7": {UID: 7, GID: 1}, "7:8": {UID: 7, GID: 8}, "0:0": {}} {
		got := specs.User{GID: 1}
		if err := setUser(&got, text); err != nil || got.UID != want.UID || got.GID != want.GID {
			t.Errorf("setUser(%q): %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", ":", "7:", ":8", "7x", "7:8:9", "-1", "root", "4294967296", " 7", "0x0", "7:+8"} {
		if err := setUser(&specs.User{}, text); err == nil {
			t.Errorf("setUser(%q) is taken", text)
		}
	}
}
