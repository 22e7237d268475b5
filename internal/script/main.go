package script

import (
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// Main is called from TestMain. The programs are what scripts may run by name, each a func main of its own: the test
// binary is started again under the program's name. Main does not return.
func Main(m *testing.M, programs map[string]func()) {
	all := maps.Clone(programs)
	if all == nil {
		all = make(map[string]func())
	}
	all["as-root"] = asRoot
	testscript.Main(&run{m}, all)
}

// run is the tests of one package, followed by the number of those that were skipped.
type run struct{ *testing.M }

func (r *run) Run() int {
	defer removePrivateCache()
	code := r.M.Run()
	out := commandStderr()
	defer out.Close()
	skipped.report(out)
	return code
}

// asRoot is a program, not a command of the script, so that all that exec offers (background, terminal, negation) works
// with it. It is gone after execve(2): the process the script talks to is the one it asked for.
func asRoot() {
	args := os.Args[1:]
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: as-root PROGRAM [ARG...]")
		os.Exit(2)
	}
	path, err := exec.LookPath(args[0])
	if err == nil && os.Geteuid() != 0 {
		args = append([]string{"unshare", "--user", "--map-root-user", "--"}, args...)
		path, err = exec.LookPath(args[0])
	}
	if err == nil {
		err = syscall.Exec(path, args, os.Environ())
	}
	fmt.Fprintf(os.Stderr, "as-root: running %s: %v\n", args[0], err)
	os.Exit(127)
}

// report writes which checks this package skipped and why, and how many there were so far in all packages.
func (s *tally) report(w io.Writer) {
	mine := s.list()
	if len(mine) == 0 {
		return
	}
	var reasons []string
	tests := make(map[string][]string)
	for _, r := range mine {
		if tests[r.Reason] == nil {
			reasons = append(reasons, r.Reason)
		}
		tests[r.Reason] = append(tests[r.Reason], r.Test)
	}
	pkg := mine[0].Package
	for _, reason := range reasons {
		fmt.Fprintf(w, "%s: skipped %s: %s\n", pkg, names(tests[reason]), reason)
	}
	fmt.Fprintf(w, "%s: %d skipped here, %d in this run so far\n", pkg, len(mine), s.soFar())
}
