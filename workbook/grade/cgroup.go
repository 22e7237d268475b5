package grade

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/cgroup"
	"stave/final/plan"
)

// Limits of the sandbox as a whole, where it can have a cgroup.
const (
	mostMemory    = 1 << 30 // bytes; what is in its tmpfs counts
	mostProcesses = 1500    // and threads
	quotaPercent  = 200     // of one processor's time
)

func resources() *specs.LinuxResources {
	memory, processes, quota, period := int64(mostMemory), int64(mostProcesses), int64(quotaPercent*1000), uint64(100_000)
	return &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: &memory, Swap: &memory},
		CPU:    &specs.LinuxCPU{Quota: &quota, Period: &period},
		Pids:   &specs.LinuxPids{Limit: &processes},
	}
}

// extra are controllers that limit nothing here and that steps may want to use.
var extra = []string{"cpuset", "cpuacct", "freezer"}

// hand gives the sandbox's cgroups to its user, to divide further, as cgroups(7) has it under "Delegation": the directory and what
// moves processes, not the limits.
func hand(p *plan.Plan, dirs []string, uid, gid int) {
	for _, dir := range dirs {
		op := plan.Op{Actor: plan.Parent, What: "handing over " + dir, Step: "04-cgroups"}
		for _, name := range []string{"", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads", "tasks"} {
			op.Calls = append(op.Calls, plan.Call{Name: "fchownat", Allow: []unix.Errno{unix.ENOENT}, Args: []plan.Arg{
				plan.AtCWD(), plan.Str(filepath.Join(dir, name)), plan.Int(uid), plan.Int(gid), plan.Int(0)}})
		}
		p.Add(op)
	}
}

// extend lets the sandbox have the extra controllers too, if that is possible. In version 1 each is a hierarchy with a
// cgroup of its own, which is returned if the plan will make it.
func extend(p *plan.Plan, l cgroup.Layout, name string, made []string, privileged bool) (dirs []string) {
	for _, controller := range extra {
		h, ok := l.With(controller)
		if !ok {
			continue
		}
		if h.V2 {
			enable(p, controller, made)
			continue
		}
		if !privileged {
			continue
		}
		dir := filepath.Join(h.Mount, name)
		op := plan.Op{Actor: plan.Parent, What: "making the cgroup " + dir, Step: "04-cgroups", Calls: []plan.Call{
			{Name: "mkdirat", Args: []plan.Arg{plan.AtCWD(), plan.Str(dir), plan.Mode(0o755)}, Allow: []unix.Errno{unix.EEXIST}}}}
		if controller == "cpuset" { // nothing may join one that is empty
			for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
				value, err := os.ReadFile(filepath.Join(h.Mount, file))
				if err == nil {
					op.Calls = append(op.Calls, p.WriteFile(plan.Str(filepath.Join(dir, file)), plan.Str(strings.TrimSpace(string(value))))...)
				}
			}
		}
		p.Add(op)
		if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// enable hands a controller of version 2 down to the sandbox's cgroup.
func enable(p *plan.Plan, controller string, made []string) {
	perhaps := []unix.Errno{unix.EACCES, unix.EPERM, unix.EBUSY, unix.ENOENT, unix.EINVAL, unix.EOPNOTSUPP}
	for _, dir := range made {
		calls := p.WriteFile(plan.Str(filepath.Join(filepath.Dir(dir), "cgroup.subtree_control")), plan.Str("+"+controller))
		for i := range calls {
			calls[i].Allow = perhaps
		}
		p.Add(plan.Op{Actor: plan.Parent, What: "handing down " + controller, Step: "04-cgroups", Calls: calls})
	}
}

// removeCgroups removes cgroups and those that were made in them.
func removeCgroups(dirs []string) error {
	var all []string
	for _, dir := range dirs {
		_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				all = append(all, path)
			}
			return nil // what is gone need not be removed
		})
	}
	slices.Reverse(all) // from the bottom up
	return cgroup.Remove(all)
}

// sweep removes the cgroups of a grader that was killed.
func sweep(l cgroup.Layout) error {
	var dead []string
	for _, h := range l.Hierarchies {
		for _, parent := range []string{h.Mount, h.Delegated} {
			found, err := filepath.Glob(filepath.Join(parent, cgroupPrefix+"*"))
			if err != nil || parent == "" {
				continue
			}
			for _, dir := range found {
				var pid, n int
				if _, err := fmt.Sscanf(filepath.Base(dir), cgroupPrefix+"%d-%d", &pid, &n); err == nil && errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
					dead = append(dead, dir)
				}
			}
		}
	}
	return removeCgroups(dead)
}

// A shared cgroup is a hierarchy as the checker has it: mount is the sandbox's cgroup, and dir the part of it that is the world's.
type shared struct {
	mount string
	dir   string
	procs string // cgroup.procs of dir
	leaf  string // cgroup.procs of a cgroup below dir, if processes have to be in one
}

// shareCgroups divides the sandbox's cgroups between the checker and the world.
func shareCgroups() ([]shared, error) {
	layout, err := cgroup.Detect()
	if err != nil {
		return nil, err
	}
	var list []shared
	for _, h := range layout.Hierarchies {
		if h.Own != "/" || unix.Access(h.Mount, unix.W_OK) != nil {
			continue
		}
		s := shared{mount: h.Mount, dir: filepath.Join(h.Mount, "world")}
		s.procs = filepath.Join(s.dir, "cgroup.procs")
		if err := divide(h, &s); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// divide makes the cgroups of one hierarchy. In version 2 a cgroup that hands controllers down can't have processes itself.
func divide(h cgroup.Hierarchy, s *shared) error {
	if err := os.Mkdir(s.dir, 0o755); err != nil {
		return err
	}
	if !h.V2 {
		return copyCpuset(h.Mount, s.dir)
	}
	checker := filepath.Join(h.Mount, "checker")
	if err := os.Mkdir(checker, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(checker, "cgroup.procs"), []byte("0"), 0); err != nil {
		return err
	}
	for _, controller := range h.Controllers {
		if err := os.WriteFile(filepath.Join(h.Mount, "cgroup.subtree_control"), []byte("+"+controller), 0); err != nil {
			return err
		}
	}
	leaf := filepath.Join(s.dir, "session")
	s.leaf = filepath.Join(leaf, "cgroup.procs")
	return os.Mkdir(leaf, 0o755)
}

// copyCpuset fills the files of a new cgroup of version 1 that are empty, if it has them.
func copyCpuset(from, to string) error {
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(from, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, name), value, 0); err != nil {
			return err
		}
	}
	return nil
}
