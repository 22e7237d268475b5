package mount

import (
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/plan"
)

// A node is a character device that every container has (OCI runtime specification, config-linux.md, "Default Devices").
type node struct {
	name         string
	major, minor uint32
}

var nodes = []node{{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}}

// HostNodes are the default devices as bind mounts of the host's, for a user namespace, in which mknod(2) makes no devices.
func HostNodes() []specs.Mount {
	var list []specs.Mount
	for _, n := range nodes {
		list = append(list, specs.Mount{Type: "bind", Source: "/dev/" + n.name, Destination: "/dev/" + n.name, Options: []string{"bind"}})
	}
	return list
}

// Devices appends the operations that fill /dev: the devices themselves, unless they are mounted ([HostNodes]), and the
// usual links. It comes after /dev is attached.
func Devices(p *plan.Plan, mknod bool) {
	dev := p.Name("dev")
	op := plan.Op{Actor: plan.Child, What: "filling /dev", Step: step, Why: "what programs take for granted: null, zero, random, the standard streams",
		Calls: []plan.Call{{Name: "openat2", Result: dev, Args: []plan.Arg{
			plan.AtCWD(), plan.Str("/dev"), how(unix.O_PATH|unix.O_DIRECTORY, "O_PATH|O_DIRECTORY|O_CLOEXEC", 0), plan.Int(howSize)}}}}
	exists := []unix.Errno{unix.EEXIST, unix.EROFS}
	if mknod {
		for _, n := range nodes {
			op.Calls = append(op.Calls, plan.Call{Name: "mknodat", Allow: exists, Args: []plan.Arg{
				plan.Ref(dev), plan.Str(n.name), plan.Sym("S_IFCHR|0666", unix.S_IFCHR|0o666),
				plan.Sym(fmt.Sprintf("makedev(%d, %d)", n.major, n.minor), int(unix.Mkdev(n.major, n.minor)))}})
		}
	}
	for _, l := range [][2]string{
		{"/proc/self/fd", "fd"}, {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"}, {"/proc/self/fd/2", "stderr"},
		{"pts/ptmx", "ptmx"}, {"/proc/kcore", "core"},
	} {
		op.Calls = append(op.Calls, plan.Call{Name: "symlinkat", Allow: exists, Args: []plan.Arg{plan.Str(l[0]), plan.Ref(dev), plan.Str(l[1])}})
	}
	p.Add(op)
}
