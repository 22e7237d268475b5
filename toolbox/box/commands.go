package main

import (
	"stave/toolbox/cmd/burn"
	"stave/toolbox/cmd/cat"
	"stave/toolbox/cmd/hog"
	"stave/toolbox/cmd/hostname"
	"stave/toolbox/cmd/sleep"
	"stave/toolbox/cmd/spawn"
	"stave/toolbox/sh"
)

// commands by name. The list in stave/toolbox/rootfs must have the same names; a test sees to it.
var commands = map[string]func(args []string) int{
	"burn":     burn.Main,
	"cat":      cat.Main,
	"false":    func([]string) int { return 1 },
	"hog":      hog.Main,
	"hostname": hostname.Main,
	"sh":       sh.Main,
	"sleep":    sleep.Main,
	"spawn":    spawn.Main,
	"true":     func([]string) int { return 0 },
}
