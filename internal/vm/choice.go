package main

import (
	"slices"
	"strings"

	"stave/internal/vm/protocol"
)

// What runs inside if no package is named. The machine is slow, and its tests run on the host as well, as root and as an
// ordinary user. Inside is for what another kernel, cgroup v2 or a delegated cgroup can change.
var (
	// Their tests only compute, or need the go command.
	leftOut = []string{
		"stave/bench",
		"stave/final/engine", "stave/final/image", "stave/final/runtime", "stave/final/user",
		"stave/internal/registry/...", "stave/internal/script/skips", "stave/internal/vm/...",
		"stave/steps",
		"stave/toolbox", "stave/toolbox/cmd/...", "stave/toolbox/filemode", "stave/toolbox/mounts", "stave/toolbox/rootfs", "stave/toolbox/size",
		"stave/workbook/terminal", "stave/workbook/work",
	}
	// Their tests ask the kernel for files and processes, but for no cgroup, so one user is enough.
	asRootOnly = []string{
		"stave/final/image/...", "stave/toolbox/box",
	}
)

// These hold whoever runs them, and whichever packages are named.
var (
	// Their tests look at the whole machine, and want nothing else to go on there: the page on limits shows the cgroup that a killed step has left,
	// and any step that runs removes those.
	alone = []string{"stave/internal/host/...", "stave/workbook/book"}
	// Their tests are shortened for these users: of the one, what repeats the same; of the other, the wrong answers, which root
	// has tried.
	short = map[string][]string{"stave/final": {"root", "user"}, exercises: {"user"}}
)

// among reports whether a list has the package, by name or in a pattern that ends in "/...".
func among(list []string, pkg string) bool {
	for _, pattern := range list {
		top, all := strings.CutSuffix(pattern, "/...")
		if pkg == top || all && strings.HasPrefix(pkg, top+"/") {
			return true
		}
	}
	return false
}

// onceForAllSteps leaves what earlier steps promised to the last, which is made of all of them. The packages are in order.
func onceForAllSteps(tests []protocol.Test) {
	last := true
	for i, test := range slices.Backward(tests) {
		if !strings.HasPrefix(test.Package, "stave/steps/") {
			continue
		}
		if !last {
			tests[i].Skip = "^TestEarlierSteps$"
		}
		last = false
	}
}
