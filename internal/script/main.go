package script

import (
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
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
	all["as-root"], all["as-user"] = AsRoot, AsUser
	testscript.Main(&run{m}, all)
}

// run is the tests of one package, followed by the number of those that were skipped.
type run struct{ *testing.M }

func (r *run) Run() int {
	defer Clean()
	code := r.M.Run()
	out := commandStderr()
	defer out.Close()
	skipped.report(out)
	return code
}

// AsRoot is the program as-root. It is a program, not a command of the script, so that all that exec offers (background,
// terminal, negation) works with it. It is gone after execve(2): the process the script talks to is the one it asked for.
func AsRoot() { become("as-root", os.Geteuid() != 0, "--map-root-user") }

// AsUser is the program as-user, likewise.
func AsUser() { become("as-user", os.Geteuid() == 0, AsNobodySpecial...) }

// AsNobodySpecial are the options of unshare(1) with which root, in a user namespace, is a user that no file of passwd(5)
// or subuid(5) knows, without a capability, but with root's files.
var AsNobodySpecial = []string{"--map-user=12345", "--map-group=12345"}

// become runs what the arguments name, in a user namespace if another user is wanted.
func become(name string, another bool, mapping ...string) {
	args := os.Args[1:]
	if len(args) == 0 {
		fmt.Fprintf(os.Stderr, "usage: %s PROGRAM [ARG...]\n", name)
		os.Exit(2)
	}
	path, err := exec.LookPath(args[0])
	if err == nil && another {
		args = slices.Concat([]string{"unshare", "--user"}, mapping, []string{"--"}, args)
		path, err = exec.LookPath(args[0])
	}
	if err == nil {
		err = syscall.Exec(path, args, os.Environ())
	}
	fmt.Fprintf(os.Stderr, "%s: running %s: %v\n", name, args[0], err)
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
