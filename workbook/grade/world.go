package grade

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/mount"
	"stave/final/plan"
	"stave/final/user"
)

// insider is the id of an ordinary user that the world's commands have. Outside the world it is the checker's own, because one
// id is all that can be had everywhere; what keeps them apart is that the world has namespaces of its own and nothing
// of the checker's in them.
const insider = 1000

// A world is where the commands of one check run, the student's program among them: in namespaces of its own, as a user
// without privilege. It lives as long as its process 1.
type world struct {
	Pid   int      `json:"pid"`   // of process 1, as the checker has it
	Procs []string `json:"procs"` // cgroup.procs of the cgroups that commands join

	cgroups []shared
	covered []string // files of the check that are mounted over those in its directory
	process *plan.Process
}

// begin makes the world for a check in the directory work. The function it returns ends it.
func (w *world) begin(work string) (end func(), err error) {
	p, err := w.plan(work)
	if err != nil {
		return nil, err
	}
	ready, readied, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer ready.Close()
	runtime.LockOSThread() // process 1 of the world dies with this thread; a check has it for itself
	w.process, err = p.Run(plan.Options{Inputs: map[string]int{"readied": int(readied.Fd())}})
	readied.Close()
	if err != nil {
		return nil, fmt.Errorf("making the world that commands run in: %w", err)
	}
	w.Pid = w.process.Pid
	if _, err := io.Copy(io.Discard, ready); err != nil {
		return nil, err
	}
	text, err := json.Marshal(w)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(worldFile, text, 0o600); err != nil {
		return nil, err
	}
	return w.uncover, readOnly(privateDir) // or a link in the checker's way could have it written again
}

// uncover takes the mounts off the check's directory, so that it can be removed.
func (w *world) uncover() {
	for _, file := range w.covered {
		_ = unix.Unmount(file, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) //nolint:forbidigo // our own mount, in a sandbox
	}
}

// plan makes the list of what has to be done for a world.
func (w *world) plan(work string) (*plan.Plan, error) {
	p := &plan.Plan{}
	p.Clone(unix.CLONE_NEWUSER|unix.CLONE_NEWNS|unix.CLONE_NEWPID|unix.CLONE_NEWIPC|unix.CLONE_NEWUTS,
		"CLONE_NEWUSER|CLONE_NEWNS|CLONE_NEWPID|CLONE_NEWIPC|CLONE_NEWUTS", "a world for the check's commands", "")
	one := []specs.LinuxIDMapping{{ContainerID: insider, HostID: 0, Size: 1}}
	user.Mapping{UIDs: one, GIDs: one}.Write(p)
	for _, c := range w.cgroups {
		join(p, c.procs)
	}
	child(p, "closing inherited descriptors at execve", closeRange())
	child(p, "keeping what tells that process 1 is ready", plan.Call{Name: "dup3", Args: []plan.Arg{plan.Ref("readied"), plan.Int(unix.Stdout), plan.Int(0)}})
	child(p, "asking to be killed when the checker dies", dieWithParent())
	child(p, "making a cgroup namespace", plan.Call{Name: "unshare", Args: []plan.Arg{plan.Sym("CLONE_NEWCGROUP", unix.CLONE_NEWCGROUP)}})
	child(p, "going to /", plan.Call{Name: "chdir", Args: []plan.Arg{plan.Str("/")}})
	if err := mount.Private(p, ""); err != nil {
		return nil, err
	}
	mounts := []specs.Mount{
		{Type: "proc", Destination: "/proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Type: "tmpfs", Destination: privateDir, Options: []string{"nosuid", "nodev", "mode=1777", "size=64m"}},
	}
	for _, c := range w.cgroups {
		mounts = append(mounts, specs.Mount{Type: "bind", Source: c.dir, Destination: c.mount, Options: []string{"bind"}})
	}
	set, err := mount.Gather(p, mounts, mount.Options{IsDir: func(string) (bool, error) { return true, nil }})
	if err != nil {
		return nil, err
	}
	set.Attach(p, "")
	const name = "grade"
	child(p, "naming the world", plan.Call{Name: "sethostname", Args: []plan.Arg{plan.Str(name), plan.Int(len(name))}})
	for _, c := range w.cgroups {
		if c.leaf != "" {
			join(p, c.leaf)
			w.Procs = append(w.Procs, c.leaf)
		} else {
			w.Procs = append(w.Procs, c.procs)
		}
	}
	if w.covered, err = cover(p, plan.Parent, work); err != nil {
		return nil, err
	}
	p.Add(plan.Op{Actor: plan.Parent, What: "forbidding the checker to run what is in " + workDir, Calls: []plan.Call{
		{Name: "mount_setattr", Args: []plan.Arg{plan.AtCWD(), plan.Str(workDir), plan.Int(0),
			plan.Bytes("{set=MOUNT_ATTR_NOEXEC}", plan.Words(unix.MOUNT_ATTR_NOEXEC, 0, 0, 0)), plan.Int(unix.MOUNT_ATTR_SIZE_VER0)}}}})
	child(p, "becoming process 1", execve(pauseProgram, []string{pauseProgram}, nil))
	return p, nil
}

// cover mounts the check's scripts and lists, which are at the top of its directory, read-only and as they are meant to be, over
// those that are there: whoever changes them changes nothing for those who come after. What is in directories belongs to
// containers, as a layer for example, and overlayfs takes none with a mount in it.
func cover(p *plan.Plan, who plan.Actor, work string) (covered []string, err error) {
	entries, err := os.ReadDir(filesDir)
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		target := filepath.Join(work, e.Name())
		covered = append(covered, target)
		bind(p, who, filepath.Join(filesDir, e.Name()), target)
	}
	return covered, err
}

// bind mounts a file or directory on another, unless that is gone or a link.
func bind(p *plan.Plan, who plan.Actor, source, target string) {
	tree, place := p.Name("tree"), p.Name("place")
	gone := []unix.Errno{unix.ENOENT, unix.ELOOP, unix.ENOTDIR, unix.EACCES}
	how := plan.Bytes("{O_PATH|O_CLOEXEC, RESOLVE_NO_SYMLINKS}", plan.Words(unix.O_PATH|unix.O_CLOEXEC, 0, unix.RESOLVE_NO_SYMLINKS))
	const howSize = 24 // bytes of a struct open_how, openat2(2)
	p.Add(plan.Op{Actor: who, What: "covering " + target, Calls: []plan.Call{
		{Name: "openat2", Result: place, Allow: gone, Args: []plan.Arg{plan.AtCWD(), plan.Str(target), how, plan.Int(howSize)}},
		{Name: "open_tree", Result: tree, Args: []plan.Arg{plan.AtCWD(), plan.Str(source),
			plan.Sym("OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)}},
		// The file may have become a directory, or the other way round: then the command will see what is there.
		{Name: "move_mount", Allow: []unix.Errno{unix.ENOTDIR, unix.EINVAL}, Args: []plan.Arg{plan.Ref(tree), plan.Str(""), plan.Ref(place), plan.Str(""),
			plan.Sym("MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)}},
	}})
}

// pause is process 1 of the world: it reaps, and keeps the namespaces. Its standard output is a pipe that it closes when nobody in the
// world can write to its memory any more: before that there must be nobody.
func pause() {
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) //nolint:forbidigo // of the whole process: nobody in the world may look into it
	_ = os.Stdout.Close()
	children := make(chan os.Signal, 1)
	signal.Notify(children, unix.SIGCHLD)
	for {
		for {
			if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); pid <= 0 && err != unix.EINTR {
				break
			}
		}
		<-children
	}
}

func child(p *plan.Plan, what string, calls ...plan.Call) {
	p.Add(plan.Op{Actor: plan.Child, What: what, Calls: calls})
}

// join moves the child into a cgroup.
func join(p *plan.Plan, procs string) {
	p.Add(plan.Op{Actor: plan.Parent, What: "moving the child into " + filepath.Dir(procs), Step: "04-cgroups",
		Calls: p.WriteFile(plan.Str(procs), plan.Concat(plan.Ref("child")))})
}

func closeRange() plan.Call {
	return plan.Call{Name: "close_range", Args: []plan.Arg{plan.Int(3), plan.Sym("~0U", 1<<32-1), plan.Sym("CLOSE_RANGE_CLOEXEC", unix.CLOSE_RANGE_CLOEXEC)}}
}

func dieWithParent() plan.Call {
	return plan.Call{Name: "prctl", Args: []plan.Arg{plan.Sym("PR_SET_PDEATHSIG", unix.PR_SET_PDEATHSIG), plan.Sym("SIGKILL", int(unix.SIGKILL))}}
}

func execve(path string, args, env []string) plan.Call {
	return plan.Call{Name: "execve", Args: []plan.Arg{plan.Str(path), plan.Strs(args), plan.Strs(env)}}
}
