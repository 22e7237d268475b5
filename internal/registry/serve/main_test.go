package main

import (
	"testing"

	"stave/internal/script"
)

func TestMain(m *testing.M) { script.Main(m, map[string]func(){"serve": main}) }

func TestScripts(t *testing.T) { script.Run(t, "testdata") }
