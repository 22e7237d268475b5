package main

import (
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/remote"

	"stave/internal/script"
)

// In scripts, step has a registry inside it: hub.localhost.
func TestMain(m *testing.M) {
	step := func() {
		remote.DefaultTransport = newHub()
		main()
	}
	script.Main(m, map[string]func(){"step": step})
}

func TestScripts(t *testing.T) { script.Run(t, "testdata") }

// What earlier steps promised still holds.
func TestEarlierSteps(t *testing.T) {
	script.Run(t, "../01-uts/testdata")
	script.Run(t, "../02-pid/testdata")
	script.Run(t, "../03-mount/testdata")
	script.Run(t, "../04-cgroups/testdata")
	script.Run(t, "../05-overlay/testdata")
	script.Run(t, "../06-images/testdata")
}
