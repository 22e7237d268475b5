package runtime

import (
	"fmt"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/cgroup"
	"stave/final/mount"
	"stave/final/namespace"
	"stave/final/overlay"
	"stave/final/plan"
	"stave/final/user"
)

// A Container is what a plan is made for.
type Container struct {
	// Cgroup is the name of its cgroup.
	Cgroup string
	Spec   *specs.Spec
	// Overlay is the root filesystem, mounted where only the container sees it. If nil, it is the directory Spec.Root.Path.
	Overlay *overlay.Mount
	// Stdio names the inputs of the plan that become file descriptors 0, 1 and 2. An empty name leaves one as it is.
	Stdio [3]string
}

// Terminal is the name of the result under which a plan leaves the terminal's master, a file descriptor of the parent.
const Terminal = "terminal"

// Plan makes the list of operations. The cgroup it returns with it has directories that the plan will make: record them before running it.
func (c *Container) Plan(host Host) (*plan.Plan, *cgroup.Cgroup, error) {
	if err := unsupported(c.Spec); err != nil {
		return nil, nil, err
	}
	namespaces, err := namespace.New(c.Spec.Linux.Namespaces)
	if err != nil {
		return nil, nil, err
	}
	if !namespaces.New(specs.MountNamespace) || !namespaces.New(specs.PIDNamespace) {
		return nil, nil, fmt.Errorf("linux.namespaces must have a new mount and a new pid namespace")
	}
	group, err := cgroup.New(host.Cgroups, c.Cgroup, c.Spec.Linux.Resources, host.Privileged)
	if err != nil {
		return nil, nil, err
	}
	b := &builder{Container: c, host: host, namespaces: namespaces, cgroup: group}
	if namespaces.New(specs.UserNamespace) {
		b.mapping = &user.Mapping{UIDs: c.Spec.Linux.UIDMappings, GIDs: c.Spec.Linux.GIDMappings}
		b.mapping.Helpers = !host.Privileged && !b.mapping.Single()
	}
	for _, part := range []func() error{b.clone, b.identity, b.filesystems, b.process} {
		if err := part(); err != nil {
			return nil, nil, err
		}
	}
	return &b.plan, group, nil
}

// A builder is a plan in the making.
type builder struct {
	*Container
	host       Host
	namespaces namespace.Set
	cgroup     *cgroup.Cgroup
	mapping    *user.Mapping // nil without a user namespace
	plan       plan.Plan
}

// clone is up to the child's first own step: the parent prepares the cgroup, makes the child, says who it is and what it may use.
func (b *builder) clone() error {
	p := &b.plan
	b.cgroup.Create(p)
	b.namespaces.Clone(p)
	if b.mapping != nil {
		b.mapping.Write(p)
	}
	b.cgroup.Join(p)
	p.Add(plan.Op{Actor: plan.Child, What: "closing inherited descriptors at execve", Step: "02-pid",
		Why:   "a descriptor left open is a way out to what it refers to (CVE-2024-21626)",
		Calls: []plan.Call{{Name: "close_range", Args: []plan.Arg{plan.Int(3), plan.Sym("~0U", 1<<32-1), plan.Sym("CLOSE_RANGE_CLOEXEC", unix.CLOSE_RANGE_CLOEXEC)}}}})
	if b.mapping != nil {
		user.Become(p)
	}
	b.dieWithParent()
	return nil
}

// dieWithParent is said again whenever ids changed, because the kernel then forgets it (prctl(2)).
func (b *builder) dieWithParent() {
	b.plan.Add(plan.Op{Actor: plan.Child, What: "asking to be killed when the parent dies", Step: "02-pid",
		Why:   "or a container would outlive the one who cleans up after it",
		Calls: []plan.Call{{Name: "prctl", Args: []plan.Arg{plan.Sym("PR_SET_PDEATHSIG", unix.PR_SET_PDEATHSIG), plan.Sym("SIGKILL", int(unix.SIGKILL))}}}})
}

// identity is the namespaces that have no files to them.
func (b *builder) identity() error {
	b.namespaces.Join(&b.plan)
	b.namespaces.Cgroup(&b.plan)
	if err := b.namespaces.Hostname(&b.plan, b.Spec.Hostname, b.Spec.Domainname); err != nil {
		return err
	}
	b.namespaces.Loopback(&b.plan)
	return nil
}

// filesystems is everything between the host's root and the container's.
func (b *builder) filesystems() error {
	p, spec := &b.plan, b.Spec
	b.umask("giving new files exactly the modes asked for", 0)
	mount.Private(p)
	root := spec.Root.Path
	if b.Overlay != nil {
		root = b.Overlay.Target
		if err := b.Overlay.Add(p); err != nil {
			return err
		}
	} else {
		mount.Bind(p, root)
	}
	mounts, err := mount.Gather(p, b.mounts(), b.host.IsDir)
	if err != nil {
		return err
	}
	hidden := mount.GatherHidden(p, spec.Linux.MaskedPaths, spec.Linux.ReadonlyPaths)
	mount.Pivot(p, root)
	mounts.Attach(p)
	mount.Devices(p, b.mapping == nil)
	hidden.Attach(p)
	b.terminal()
	if err := mount.WorkingDir(p, spec.Process.Cwd); err != nil {
		return err
	}
	if spec.Root.Readonly {
		mount.ReadOnlyRoot(p)
	}
	return nil
}

// mounts are the configuration's, with what depends on the machine filled in.
func (b *builder) mounts() []specs.Mount {
	var list []specs.Mount
	for _, m := range b.Spec.Mounts {
		switch {
		case m.Type == "cgroup" || m.Type == "cgroup2":
			list = append(list, b.cgroupMounts(m)...)
		case m.Type == "sysfs" && b.mapping != nil && !b.namespaces.New(specs.NetworkNamespace):
			// sysfs belongs to a network namespace, and the host's isn't ours to make one for: the host's own, then.
			list = append(list, specs.Mount{Type: "bind", Source: "/sys", Destination: m.Destination, Options: []string{"rbind", "rro", "rnosuid", "rnodev", "rnoexec"}})
		case m.Destination == "/dev" && b.mapping != nil:
			list = append(list, m)
			list = append(list, mount.HostNodes()...)
		case m.Type == "devpts" && b.mapping != nil && !user.Contains(b.mapping.GIDs, ttyGroup):
			unmapped := fmt.Sprintf("gid=%d", ttyGroup)
			m.Options = slices.DeleteFunc(slices.Clone(m.Options), func(o string) bool { return o == unmapped })
			list = append(list, m)
		default:
			list = append(list, m)
		}
	}
	return list
}

// ttyGroup owns terminals on nearly every distribution.
const ttyGroup = 5

// cgroupMounts are what a mount of type cgroup means here: the one hierarchy of version 2, or a directory with a mount for
// each hierarchy. A user namespace may mount those of version 1 only from a cgroup namespace of its own.
func (b *builder) cgroupMounts(m specs.Mount) []specs.Mount {
	if !b.namespaces.New(specs.CgroupNamespace) {
		return nil
	}
	if b.host.Cgroups.Unified() {
		m.Type, m.Source = "cgroup2", "cgroup"
		return []specs.Mount{m}
	}
	list := []specs.Mount{{Type: "tmpfs", Source: "cgroup", Destination: m.Destination, Options: []string{"nosuid", "nodev", "noexec", "mode=755"}}}
	for _, h := range b.host.Cgroups.Hierarchies {
		list = append(list, hierarchyMount(m, h))
	}
	return list
}
