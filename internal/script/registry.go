package script

import (
	"os"

	"github.com/rogpeppe/go-internal/testscript"

	"stave/internal/registry"
)

// serveRegistry starts a registry with one image in it, or of files, which goes when the script ends.
func serveRegistry(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 && len(args) != 2 {
		ts.Fatalf("usage: registry [DIR LOG]")
	}
	if len(args) == 2 {
		log, err := os.OpenFile(ts.MkAbs(args[1]), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644) // the script may empty it
		ts.Check(err)
		ts.Defer(func() { log.Close() })
		address, stop, err := registry.StartFiles(ts.MkAbs(args[0]), log)
		ts.Check(err)
		ts.Defer(stop)
		setVariable(ts, "REGISTRY", address)
		return
	}
	toolbox, err := Toolbox()
	ts.Check(err)
	address, stop, err := registry.Start(toolbox)
	ts.Check(err)
	ts.Defer(stop)
	setVariable(ts, "REGISTRY", address)
}
