package main

import (
	"os"
	"testing"

	"stave/final/cli"
	"stave/internal/registry"
	"stave/internal/script"
)

func TestMain(m *testing.M) {
	script.Main(m, map[string]func(){
		"stave":    func() { os.Exit(cli.Main()) },
		"registry": registry.Main,
	})
}

func TestScripts(t *testing.T) { script.Run(t, "testdata") }
