package user

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"stave/final/plan"
)

// Enter runs this program again, as root of a new user namespace, and waits for it. An ordinary user with a range of
// subordinate ids needs that to make or remove files that belong to one of them: only in there are they one's own. It returns the exit code.
func (m Mapping) Enter(args []string) (int, error) {
	var p plan.Plan
	p.Clone(unix.CLONE_NEWUSER, "CLONE_NEWUSER", "a user namespace, for files of subordinate ids", step)
	m.Write(&p)
	Become(&p)
	p.Add(plan.Op{Actor: plan.Child, What: "asking to be killed when the parent dies", Step: "02-pid", Calls: []plan.Call{
		{Name: "prctl", Args: []plan.Arg{plan.Sym("PR_SET_PDEATHSIG", unix.PR_SET_PDEATHSIG), plan.Sym("SIGKILL", int(unix.SIGKILL))}}}})
	p.Add(plan.Op{Actor: plan.Child, What: "running " + os.Args[0] + " again", Step: step, Calls: []plan.Call{
		{Name: "execve", Args: []plan.Arg{plan.Str("/proc/self/exe"), plan.Strs(append([]string{os.Args[0]}, args...)), plan.Strs(os.Environ())}}}})

	runtime.LockOSThread() // PR_SET_PDEATHSIG is about the thread that forked
	defer runtime.UnlockOSThread()
	proc, err := p.Run(plan.Options{})
	if err != nil {
		return 0, fmt.Errorf("entering a user namespace: %w", err)
	}
	defer unix.Close(proc.PidFD)
	return proc.Wait()
}
