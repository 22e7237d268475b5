// Package namespace gives a container its own view of what is otherwise global: its host name, its process ids, its network. A
// namespace is made by clone(2), or, for cgroups, by unshare(2) once the process is where its view should begin. See steps 01-uts and
// 02-pid, and namespaces(7).
package namespace

import (
	"fmt"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/plan"
)

const (
	stepUTS     = "01-uts"
	stepPID     = "02-pid"
	stepCgroups = "04-cgroups"
)

// A kind is one type of namespace: its name in the OCI specification, its flag, and in what order it is joined.
type kind struct {
	name specs.LinuxNamespaceType
	flag int
	text string
}

// kinds, the user namespace first: it decides what one may do in the others.
var kinds = []kind{
	{specs.UserNamespace, unix.CLONE_NEWUSER, "CLONE_NEWUSER"},
	{specs.MountNamespace, unix.CLONE_NEWNS, "CLONE_NEWNS"},
	{specs.UTSNamespace, unix.CLONE_NEWUTS, "CLONE_NEWUTS"},
	{specs.IPCNamespace, unix.CLONE_NEWIPC, "CLONE_NEWIPC"},
	{specs.PIDNamespace, unix.CLONE_NEWPID, "CLONE_NEWPID"},
	{specs.NetworkNamespace, unix.CLONE_NEWNET, "CLONE_NEWNET"},
	{specs.CgroupNamespace, unix.CLONE_NEWCGROUP, "CLONE_NEWCGROUP"},
}

// A Set is the namespaces a container gets: by type, and with the path of an existing one where it joins that.
type Set struct {
	paths map[specs.LinuxNamespaceType]string
}

// New reads the set from a configuration. It refuses what isn't supported: a type not known here, one named twice, and joining a user or pid
// namespace, for which a child would have to be forked twice.
func New(list []specs.LinuxNamespace) (Set, error) {
	s := Set{paths: map[specs.LinuxNamespaceType]string{}}
	for _, n := range list {
		if _, twice := s.paths[n.Type]; twice {
			return s, fmt.Errorf("linux.namespaces names %s twice", n.Type)
		}
		if n.Path != "" && (n.Type == specs.UserNamespace || n.Type == specs.PIDNamespace) {
			return s, fmt.Errorf("linux.namespaces: joining an existing %s namespace is not supported", n.Type)
		}
		s.paths[n.Type] = n.Path
	}
	for t := range s.paths {
		if !slices.ContainsFunc(kinds, func(k kind) bool { return k.name == t }) {
			return s, fmt.Errorf("linux.namespaces: the type %q is not supported", t)
		}
	}
	return s, nil
}

// Has tells whether the container has a namespace of this type apart from the host's.
func (s Set) Has(t specs.LinuxNamespaceType) bool { _, ok := s.paths[t]; return ok }

// New tells whether it gets a new one.
func (s Set) New(t specs.LinuxNamespaceType) bool { path, ok := s.paths[t]; return ok && path == "" }

// Clone appends the clone(2) that makes all new namespaces at once, but for the cgroup namespace.
func (s Set) Clone(p *plan.Plan) {
	flags := 0
	var names []string
	for _, k := range kinds {
		if s.New(k.name) && k.flag != unix.CLONE_NEWCGROUP {
			flags |= k.flag
			names = append(names, k.text)
		}
	}
	p.Clone(flags, strings.Join(names, "|"), "a process whose namespaces are new: what it changes there, only it and its children see", stepPID)
}

// Join appends the child's operations that enter existing namespaces.
func (s Set) Join(p *plan.Plan) {
	for _, k := range kinds {
		path := s.paths[k.name]
		if path == "" {
			continue
		}
		fd := p.Name("ns")
		p.Add(plan.Op{Actor: plan.Child, What: fmt.Sprintf("joining the %s namespace %s", k.name, path), Step: stepUTS,
			Why: "a namespace that somebody else made",
			Calls: []plan.Call{
				{Name: "openat", Args: []plan.Arg{plan.AtCWD(), plan.Str(path), plan.Sym("O_RDONLY|O_CLOEXEC", unix.O_RDONLY|unix.O_CLOEXEC)}, Result: fd},
				{Name: "setns", Args: []plan.Arg{plan.Ref(fd), plan.Sym(k.text, k.flag)}},
			}})
	}
}

// Cgroup appends the child's operation that makes its own cgroup the top of what it sees. It comes after the child has joined that cgroup.
func (s Set) Cgroup(p *plan.Plan) {
	if !s.New(specs.CgroupNamespace) {
		return
	}
	p.Add(plan.Op{Actor: plan.Child, What: "making a cgroup namespace", Step: stepCgroups,
		Why:   "from here on its own cgroup looks like the top of the tree (cgroup_namespaces(7))",
		Calls: []plan.Call{{Name: "unshare", Args: []plan.Arg{plan.Sym("CLONE_NEWCGROUP", unix.CLONE_NEWCGROUP)}}}})
}

// Hostname appends the child's operations that name the machine it seems to be on. Without a UTS namespace of its own that would
// rename the host, so it is refused.
func (s Set) Hostname(p *plan.Plan, hostname, domainname string) error {
	for _, n := range []struct{ call, value, what string }{
		{"sethostname", hostname, "the host name"},
		{"setdomainname", domainname, "the NIS domain name"},
	} {
		if n.value == "" {
			continue
		}
		if !s.Has(specs.UTSNamespace) {
			return fmt.Errorf("setting %s needs a uts namespace, or it would change the host's", n.what)
		}
		p.Add(plan.Op{Actor: plan.Child, What: fmt.Sprintf("setting %s to %s", n.what, n.value), Step: stepUTS,
			Why:   "in its own UTS namespace; the host keeps its name",
			Calls: []plan.Call{{Name: n.call, Args: []plan.Arg{plan.Str(n.value), plan.Int(len(n.value))}}}})
	}
	return nil
}

// Loopback appends the child's operation that brings up lo, which is down in a new network namespace.
func (s Set) Loopback(p *plan.Plan) {
	if !s.New(specs.NetworkNamespace) {
		return
	}
	// struct ifreq of netdevice(7): sixteen bytes of name, then the flags.
	request := make([]byte, 40)
	copy(request, "lo")
	copy(request[16:], plan.HalfWords(unix.IFF_UP|unix.IFF_RUNNING))
	fd := p.Name("socket")
	p.Add(plan.Op{Actor: plan.Child, What: "bringing up the loopback interface",
		Why: "a new network namespace has nothing but lo, and that is down",
		Calls: []plan.Call{
			{Name: "socket", Args: []plan.Arg{plan.Sym("AF_INET", unix.AF_INET), plan.Sym("SOCK_DGRAM|SOCK_CLOEXEC", unix.SOCK_DGRAM|unix.SOCK_CLOEXEC), plan.Int(0)}, Result: fd},
			{Name: "ioctl", Args: []plan.Arg{plan.Ref(fd), plan.Sym("SIOCSIFFLAGS", unix.SIOCSIFFLAGS), plan.Bytes(`{"lo", IFF_UP|IFF_RUNNING}`, request)}},
		}})
}
