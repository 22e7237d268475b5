package main

import (
	"testing"

	"stave/internal/script"
)

func TestMain(m *testing.M) { script.Main(m, map[string]func(){"step": main}) }

func TestScripts(t *testing.T) { script.Run(t, "testdata") }

// What earlier steps promised still holds.
func TestEarlierSteps(t *testing.T) {
	script.Run(t, "../01-uts/testdata")
	script.Run(t, "../02-pid/testdata")
	script.Run(t, "../03-mount/testdata")
	script.Run(t, "../04-cgroups/testdata")
}
