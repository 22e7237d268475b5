package namespace

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"stave/final/plan"
)

// ipcSettings are the parameters below /proc/sys/kernel that each IPC namespace has of its own (ipc_namespaces(7)).
var ipcSettings = []string{"msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced"}

// Sysctl appends the child's operations that set kernel parameters. It refuses those that aren't a container's own, because they would
// change the machine. They are written by way of the host's /proc, which nothing in an image can have replaced (CVE-2019-19921, CVE-2025-52881).
func (s Set) Sysctl(p *plan.Plan, parameters map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		path := strings.ReplaceAll(name, ".", "/")
		if strings.Contains(name, "/") { // the other notation of sysctl(8), in which a dot is part of a name
			path = name
		}
		if err := s.owns(path); err != nil {
			return fmt.Errorf("linux.sysctl: %s: %w", name, err)
		}
		p.Add(plan.Op{Actor: plan.Child, What: fmt.Sprintf("setting %s to %s", name, parameters[name]), Why: "a parameter of the kernel that each container has of its own (sysctl(8))",
			Calls: p.WriteFile(plan.Str("/proc/sys/"+path), plan.Str(parameters[name]))})
	}
	return nil
}

func (s Set) owns(path string) error {
	first, rest, _ := strings.Cut(path, "/")
	var needed specs.LinuxNamespaceType
	switch {
	case slices.Contains(strings.Split(path, "/"), ".."):
		return fmt.Errorf("is no parameter's name")
	case first == "net":
		needed = specs.NetworkNamespace
	case first == "kernel" && slices.Contains(ipcSettings, rest), first == "fs" && strings.HasPrefix(rest, "mqueue/"):
		needed = specs.IPCNamespace
	case path == "kernel/domainname":
		needed = specs.UTSNamespace
	case path == "kernel/hostname":
		return fmt.Errorf("is what the configuration's hostname is for")
	default:
		return fmt.Errorf("belongs to the whole machine, not to a container")
	}
	own, err := s.Own(needed)
	if own {
		return fmt.Errorf("would change the host's: it needs a %s namespace in linux.namespaces, a new one or another's", needed)
	}
	return err
}
