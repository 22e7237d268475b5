// Package unshare runs a command in new namespaces; see unshare(1) and namespaces(7).
//
// Synopsis:
//
//	unshare [-CimnpTUu] [-r] [-f] [--mount-proc] [COMMAND [ARG…]]
//
// Without a command it is sh. It is always run in a child, as with -f elsewhere.
//
// Options:
//
//	-C            cgroup namespace
//	-f            accepted: see above
//	-i            IPC namespace
//	-m            mount namespace, in which nothing is shared with the old one
//	-n            network namespace
//	-p            PID namespace
//	-r            root in a new user namespace (-U)
//	-T            time namespace
//	-U            user namespace
//	-u            UTS namespace
//	--mount-proc  a /proc of its own (-m)
package unshare

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmdline"
	"stave/toolbox/launch"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("unshare [-CimnpTUu] [-r] [-f] [--mount-proc] [COMMAND [ARG…]]").OperandsFirst()
	namespaces := []struct {
		name, letter string
		flag         uintptr
		wanted       bool
	}{
		{"cgroup", "C", unix.CLONE_NEWCGROUP, false},
		{"ipc", "i", unix.CLONE_NEWIPC, false},
		{"mount", "m", unix.CLONE_NEWNS, false},
		{"net", "n", unix.CLONE_NEWNET, false},
		{"pid", "p", unix.CLONE_NEWPID, false},
		{"time", "T", unix.CLONE_NEWTIME, false},
		{"user", "U", unix.CLONE_NEWUSER, false},
		{"uts", "u", unix.CLONE_NEWUTS, false},
	}
	for i := range namespaces {
		n := &namespaces[i]
		line.BoolVarP(&n.wanted, n.name, n.letter, false, n.name+" namespace")
	}
	line.BoolP("fork", "f", false, "accepted: it always does")
	mapRoot := line.BoolP("map-root-user", "r", false, "root in a new user namespace")
	mountProc := line.Bool("mount-proc", false, "a /proc of its own")
	if status, ok := line.Read(args); !ok {
		return status
	}
	attr := &syscall.SysProcAttr{}
	for _, n := range namespaces {
		if n.wanted {
			attr.Unshareflags |= n.flag
		}
	}
	if *mapRoot {
		attr.Unshareflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	command := line.Args()
	if len(command) == 0 {
		command = []string{"sh"}
	}
	if *mountProc {
		attr.Unshareflags |= unix.CLONE_NEWNS
		// The new /proc shows the PID namespace of the one who mounts it, so that must be the child.
		command = append([]string{"sh", "-c", `mount -t proc proc /proc && exec "$@"`, "unshare"}, command...)
	}
	return run(line, command, attr)
}

func run(line *cmdline.Line, command []string, attr *syscall.SysProcAttr) int {
	// The child comes into being in the namespaces (clone), because unshare(2) would put only its children into a new
	// PID namespace. Mounts are the exception: for those Go makes sure that nothing spreads back only after unshare.
	attr.Cloneflags = attr.Unshareflags &^ unix.CLONE_NEWNS
	attr.Unshareflags &= unix.CLONE_NEWNS
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = attr
	if err := cmd.Run(); cmd.ProcessState == nil {
		return launch.Refused(line, command[0], err)
	}
	return launch.Status(cmd.ProcessState)
}
