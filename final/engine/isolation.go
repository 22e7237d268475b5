package engine

import (
	"fmt"
	"os"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/runtime"
	"stave/final/security"
)

// Isolation is how far a container is kept apart from the machine. The zero value is as far as goes.
type Isolation struct {
	// Pid, IPC, UTS, Userns and Cgroupns are each empty for a namespace of its own, "host" for none, or "container:NAME" for that of another container.
	Pid, IPC, UTS, Userns, Cgroupns string
	// CapAdd and CapDrop change Docker's default set of capabilities (capabilities(7)): names with or without CAP_, or ALL.
	CapAdd, CapDrop []string
	// SecurityOpt are seccomp=unconfined, seccomp=FILE, no-new-privileges=false, systempaths=unconfined, apparmor=PROFILE and label=LABEL.
	SecurityOpt []string
	// Devices are DEVICE[:PLACE[:rwm]], Ulimits NAME=SOFT[:HARD], Sysctls NAME=VALUE.
	Devices, Ulimits, Sysctls []string
	// Privileged lets it do what root of the machine may: all capabilities and devices, nothing hidden, no filter.
	Privileged bool
	// Init puts a small program before the container's that reaps orphans and passes on signals.
	Init bool
}

// A view is one type of namespace and what was asked about it.
type view struct {
	kind       specs.LinuxNamespaceType
	file, mode string // the name in /proc/PID/ns; what the flag says
	flag       string
}

// namespaces are those of a container. A namespace of another container's can be joined only from inside its user namespace, if it has one.
func (e *Engine) namespaces(o Options) ([]specs.LinuxNamespace, error) {
	network := o.Network
	switch {
	case network == "none":
		network = ""
	case network != "host" && !strings.HasPrefix(network, "container:"):
		return nil, fmt.Errorf("network %q: it is none, host or container:NAME", o.Network)
	}
	list := []specs.LinuxNamespace{{Type: specs.MountNamespace}}
	joined := ""
	for _, v := range []view{
		{specs.UTSNamespace, "uts", o.UTS, "--uts"}, {specs.IPCNamespace, "ipc", o.IPC, "--ipc"}, {specs.PIDNamespace, "pid", o.Pid, "--pid"},
		{specs.CgroupNamespace, "cgroup", o.Cgroupns, "--cgroupns"}, {specs.NetworkNamespace, "net", network, "--network"}, {specs.UserNamespace, "user", o.Userns, "--userns"},
	} {
		name, other := strings.CutPrefix(v.mode, "container:")
		switch {
		case other:
			r, err := e.running(name)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", v.flag, err)
			}
			list = append(list, specs.LinuxNamespace{Type: v.kind, Path: fmt.Sprintf("/proc/%d/ns/%s", r.Pid, v.file)})
			user := fmt.Sprintf("/proc/%d/ns/user", r.Pid)
			if joined != "" && joined != user {
				return nil, fmt.Errorf("%s: the namespaces of two containers can't be joined: each has its own user namespace", v.flag)
			}
			joined = user
		case v.mode == "" || v.mode == "private":
			if v.kind != specs.UserNamespace {
				list = append(list, specs.LinuxNamespace{Type: v.kind})
			}
		case v.mode != "host":
			return nil, fmt.Errorf("%s %q: it is host or container:NAME", v.flag, v.mode)
		case v.kind == specs.UserNamespace && e.mapping != nil:
			return nil, fmt.Errorf("--userns host: only root can do without a user namespace")
		}
	}
	if e.mapping != nil && !strings.HasPrefix(o.Userns, "container:") {
		list = append(list, specs.LinuxNamespace{Type: specs.UserNamespace, Path: joined})
	}
	return list, nil
}

// running is the record of a container that runs.
func (e *Engine) running(name string) (Record, error) {
	unlock, err := e.lockAll()
	if err != nil {
		return Record{}, err
	}
	defer unlock()
	list, err := e.records()
	if err != nil {
		return Record{}, err
	}
	for _, r := range list {
		if (r.Name == name || r.ID == name) && r.Pid > 0 && runtime.Started(r.Pid) == r.Start {
			return r, nil
		}
	}
	return Record{}, fmt.Errorf("no container %q is running", name)
}

// isolate fills in what a container may do and see.
func (e *Engine) isolate(s *specs.Spec, o Options) error {
	s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = maskedPaths, readOnlyPaths
	capabilities, err := o.capabilities(e.host.Grantable(e.mapping != nil))
	if err != nil {
		return err
	}
	setCapabilities(s.Process, capabilities)
	s.Process.NoNewPrivileges = !o.Privileged
	profile := "default"
	if o.Privileged {
		profile = "unconfined"
		s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, nil
		for i, m := range s.Mounts {
			if m.Type == "sysfs" || m.Type == "cgroup" {
				s.Mounts[i].Options = slices.DeleteFunc(slices.Clone(m.Options), func(o string) bool { return o == "ro" })
			}
		}
	}
	for _, option := range o.SecurityOpt {
		if err := securityOption(s, option, &profile); err != nil {
			return err
		}
	}
	if s.Linux.Seccomp, err = seccomp(profile, capabilities); err != nil {
		return err
	}
	for _, part := range []func(*specs.Spec, Options) error{ulimits, sysctls, e.devices, initProgram} {
		if err := part(s, o); err != nil {
			return err
		}
	}
	return nil
}

// securityOption takes one --security-opt.
func securityOption(s *specs.Spec, option string, profile *string) error {
	name, value, has := strings.Cut(option, "=")
	if !has {
		name, value, has = strings.Cut(option, ":") // Docker's older notation
	}
	switch {
	case name == "no-new-privileges" && (!has || value == "true"):
		s.Process.NoNewPrivileges = true
	case name == "no-new-privileges" && value == "false":
		s.Process.NoNewPrivileges = false
	case name == "seccomp" && value != "":
		*profile = value
	case name == "systempaths" && value == "unconfined":
		s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, nil
	case name == "apparmor" && value != "":
		s.Process.ApparmorProfile = strings.TrimPrefix(value, "unconfined")
	case name == "label" && value == "disable":
	case name == "label" && value != "":
		s.Process.SelinuxLabel = value
	default:
		return fmt.Errorf("--security-opt %q: it is seccomp=FILE, seccomp=unconfined, no-new-privileges=false, systempaths=unconfined, apparmor=PROFILE or label=LABEL", option)
	}
	return nil
}

// seccomp is the filter of system calls by the name of a profile: default, unconfined, or a file in Docker's format.
func seccomp(profile string, capabilities []string) (*specs.LinuxSeccomp, error) {
	switch profile {
	case "unconfined":
		return nil, nil
	case "default", "builtin":
		return security.DefaultProfile(capabilities)
	}
	b, err := os.ReadFile(profile)
	if err != nil {
		return nil, fmt.Errorf("reading the seccomp profile: %w", err)
	}
	s, err := security.ReadProfile(b, capabilities)
	if err != nil {
		return nil, fmt.Errorf("the seccomp profile %s: %w", profile, err)
	}
	return s, nil
}

// capabilities are Docker's default ones with what was added and dropped, as Docker reads it: ALL first, then the single names. All of them means those that can be granted.
func (o Options) capabilities(grantable uint64) ([]string, error) {
	all, obtainable := security.AllCapabilities(), security.CapabilitiesIn(grantable)
	if o.Privileged {
		return obtainable, nil
	}
	add, addAll, err := capabilityNames("--cap-add", o.CapAdd, all)
	if err != nil {
		return nil, err
	}
	drop, dropAll, err := capabilityNames("--cap-drop", o.CapDrop, all)
	if err != nil {
		return nil, err
	}
	set := security.DefaultCapabilities()
	if addAll {
		set = obtainable
	}
	if dropAll {
		set = nil
	}
	var list []string
	for _, c := range all {
		if slices.Contains(set, c) && !slices.Contains(drop, c) || slices.Contains(add, c) {
			list = append(list, c)
		}
	}
	return list, nil
}

func capabilityNames(flag string, names, known []string) (list []string, all bool, err error) {
	for _, n := range names {
		n = strings.ToUpper(n)
		if n == "ALL" {
			all = true
			continue
		}
		n = "CAP_" + strings.TrimPrefix(n, "CAP_")
		if !slices.Contains(known, n) {
			return nil, false, fmt.Errorf("%s: there is no capability %s (capabilities(7))", flag, n)
		}
		list = append(list, n)
	}
	return list, all, nil
}

// setCapabilities gives them to the program: all sets but the inheritable and ambient ones to root, and to anybody else only the bound, within which a setuid
// program could get some (CVE-2022-24769).
func setCapabilities(p *specs.Process, list []string) {
	p.Capabilities = &specs.LinuxCapabilities{Bounding: list}
	if p.User.UID == 0 {
		p.Capabilities.Effective, p.Capabilities.Permitted = list, list
	}
}

// ulimits are of the form NAME=SOFT[:HARD]; the hard limit is the soft one if it isn't given. -1 is none.
func ulimits(s *specs.Spec, o Options) error {
	for _, u := range o.Ulimits {
		name, value, _ := strings.Cut(u, "=")
		soft, hard, both := strings.Cut(value, ":")
		if !both {
			hard = soft
		}
		r := specs.POSIXRlimit{Type: "RLIMIT_" + strings.ToUpper(name)}
		var err1, err2 error
		r.Soft, err1 = limit(soft)
		r.Hard, err2 = limit(hard)
		if err1 != nil || err2 != nil {
			return fmt.Errorf("--ulimit %q: give NAME=SOFT[:HARD], as in nofile=1024:4096", u)
		}
		s.Process.Rlimits = slices.DeleteFunc(s.Process.Rlimits, func(old specs.POSIXRlimit) bool { return old.Type == r.Type })
		s.Process.Rlimits = append(s.Process.Rlimits, r)
	}
	return nil
}

func limit(s string) (uint64, error) {
	var n int64
	if _, err := fmt.Sscanf(s+"\n", "%d\n", &n); err != nil || n < -1 {
		return 0, fmt.Errorf("%q is not a limit", s)
	}
	if n == -1 {
		return unix.RLIM_INFINITY, nil
	}
	return uint64(n), nil
}

func sysctls(s *specs.Spec, o Options) error {
	for _, p := range o.Sysctls {
		name, value, has := strings.Cut(p, "=")
		if !has || name == "" {
			return fmt.Errorf("--sysctl %q: give NAME=VALUE, as in net.ipv4.ip_unprivileged_port_start=0", p)
		}
		if s.Linux.Sysctl == nil {
			s.Linux.Sysctl = map[string]string{}
		}
		s.Linux.Sysctl[name] = value
	}
	return nil
}
