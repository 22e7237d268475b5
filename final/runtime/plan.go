package runtime

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/cgroup"
	"stave/final/mount"
	"stave/final/namespace"
	"stave/final/overlay"
	"stave/final/plan"
	"stave/final/security"
	"stave/final/user"
)

// A Container is what a plan is made for.
type Container struct {
	// ID is its name, unique on the machine as far as its state directory is concerned.
	ID string
	// Bundle is the directory that relative paths of the configuration begin at.
	Bundle string
	Spec   *specs.Spec
	// Filter is Spec's seccomp filter, if it has been compiled before.
	Filter *security.Filter
	// Overlay is the root filesystem, mounted where only the container sees it. If nil, it is the directory Spec.Root.Path.
	Overlay *overlay.Mount
	// Stdio names the inputs of the plan that become file descriptors 0, 1 and 2. An empty name leaves one as it is, and [Null] is the container's null device.
	Stdio [3]string
	// PreserveFDs is how many descriptors from 3 up the program gets as they are.
	PreserveFDs int
	// Gate names the input at which the child waits for a byte before it becomes the program, alone. If it is empty, it doesn't wait.
	Gate string
	// DieWithParent has the kernel kill the container when its parent dies.
	DieWithParent bool
	// NoPivot exchanges the root without pivot_root(2), for a host that runs from its initramfs, whose root can't be exchanged.
	NoPivot bool
	// MountOn is an empty directory for the root of a container without a mount namespace of its own, and for nothing else. [mount.Detach] is for the end.
	MountOn string
	// NoNewKeyring leaves the container the session keyring of its caller (keyrings(7)).
	NoNewKeyring bool
	// SystemdCgroup says that the cgroup's path has systemd's form, slice:prefix:name.
	SystemdCgroup bool
	// StateJSON is the state that hooks read, in two halves with the pid between them. It is needed only where there are hooks.
	StateJSON func(status string) (prefix, suffix string)
	// AllHierarchies puts the container into a cgroup of every hierarchy, whether it is limited there or not.
	AllHierarchies bool
}

// Null is the name in Stdio of a stream that is nothing.
const Null = "null"

// The names of results under which a plan leaves file descriptors of the parent: the terminal's master, and the listener of a seccomp filter.
const (
	Terminal = "terminal"
	Listener = "listening"
)

// Planned is a plan and what belongs to it.
type Planned struct {
	Plan *plan.Plan
	// Cgroup has directories that the plan will make: record them before running it.
	Cgroup *cgroup.Cgroup
	// Idmaps are user namespaces that the plan takes as inputs; [Planned.Run] makes them.
	Idmaps []mount.Idmap
	// Filter is the compiled seccomp filter, or nil.
	Filter *security.Filter
	// Shared says that the container's mounts are on MountOn: make that directory before the plan is run.
	Shared bool
	// Warnings are what the configuration asks for and doesn't get because it means nothing here.
	Warnings []string
}

// Plan makes the list of operations.
func (c *Container) Plan(host Host) (*Planned, error) {
	if err := unsupported(c.Spec); err != nil {
		return nil, err
	}
	namespaces, err := namespace.New(c.Spec.Linux.Namespaces)
	if err != nil {
		return nil, err
	}
	shared, err := c.sharesMounts(namespaces)
	if err != nil {
		return nil, err
	}
	where, err := c.where(host)
	if err != nil {
		return nil, err
	}
	group, err := cgroup.New(host.Cgroups, where, c.Spec.Linux.Resources)
	if err != nil {
		return nil, err
	}
	b := &builder{Container: c, host: host, namespaces: namespaces, cgroup: group, userns: namespaces.Has(specs.UserNamespace), shared: shared}
	if shared {
		b.warnings = append(b.warnings, "linux.namespaces has no mount namespace: the container's mounts are among the host's, and with CAP_SYS_CHROOT a process can leave its root directory")
	}
	if namespaces.New(specs.UserNamespace) {
		b.mapping = &user.Mapping{UIDs: c.Spec.Linux.UIDMappings, GIDs: c.Spec.Linux.GIDMappings}
		b.mapping.Helpers = !host.Root && !b.mapping.Single()
	}
	if c.Overlay == nil {
		b.Spec.Process = withEnvironment(b.Spec.Process, b.path(b.Spec.Root.Path))
	}
	for _, part := range []func() error{b.begin, b.identity, b.filesystems, b.process} {
		if err := part(); err != nil {
			return nil, err
		}
	}
	return &Planned{Plan: &b.plan, Cgroup: group, Idmaps: b.idmaps, Filter: b.filter, Shared: shared, Warnings: b.warnings}, nil
}

// sharesMounts tells whether the container has no mount namespace of its own, and refuses what can't be done then.
func (c *Container) sharesMounts(namespaces namespace.Set) (bool, error) {
	own, err := namespaces.Own(specs.MountNamespace)
	if !own || err != nil {
		return false, err
	}
	switch {
	case namespaces.Has(specs.UserNamespace):
		return true, errors.New("linux.namespaces has a user namespace and no mount namespace: nothing can be mounted then (user_namespaces(7)); add one of type mount")
	case c.MountOn == "":
		return true, errors.New("linux.namespaces has no mount namespace: add one of type mount")
	case !slices.Contains([]string{"", "private", "rprivate"}, c.Spec.Linux.RootfsPropagation):
		return true, fmt.Errorf("linux.rootfsPropagation %q needs a mount namespace: add one to linux.namespaces", c.Spec.Linux.RootfsPropagation)
	}
	return true, nil
}

// where is the place of its cgroup.
func (c *Container) where(host Host) (w cgroup.Where, err error) {
	w = cgroup.Where{Path: c.Spec.Linux.CgroupsPath, Name: c.ID, Privileged: host.Privileged, Systemd: c.SystemdCgroup, All: c.AllHierarchies, Annotations: c.Spec.Annotations}
	if w.Systemd && !w.Privileged {
		if w.Manager, err = host.Manager(); err != nil {
			return w, err
		}
	}
	// A cgroup namespace and a mount that can be written to mean that the container is to divide its cgroup by itself, so its user is to own it (config-linux.md, "Cgroup ownership").
	writable := slices.ContainsFunc(c.Spec.Mounts, func(m specs.Mount) bool {
		return strings.HasPrefix(m.Type, "cgroup") && !slices.Contains(m.Options, "ro")
	})
	if writable && slices.Contains(c.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace}) {
		for _, m := range c.Spec.Linux.UIDMappings {
			if id := c.Spec.Process.User.UID; id >= m.ContainerID && id-m.ContainerID < m.Size {
				owner := m.HostID + id - m.ContainerID
				w.Owner = &owner
			}
		}
	}
	return w, nil
}

// A builder is a plan in the making.
type builder struct {
	*Container
	host       Host
	namespaces namespace.Set
	cgroup     *cgroup.Cgroup
	userns     bool          // in a user namespace, new or not
	asCaller   int           // where in the plan the child still is the caller to the host's files, if it is in a user namespace
	shared     bool          // in the host's mount namespace
	mapping    *user.Mapping // of a new one
	idmaps     []mount.Idmap // to be made before the plan is run
	links      [][2]string   // targets and names of links among the cgroup mounts
	plan       plan.Plan
	filter     *security.Filter
	warnings   []string
}

// begin is up to the child's first own step: the parent prepares the cgroup, makes the child, says who it is and what it may use.
func (b *builder) begin() error {
	p := &b.plan
	b.cgroup.Create(p)
	p.Into = b.cgroup.Into(p)
	var guarded error
	err := b.namespaces.Enter(p, b.Spec.Linux.TimeOffsets, func() {
		if b.mapping != nil {
			b.mapping.Write(p)
		}
		b.cgroup.Join(p)
		b.oomScore()
		closeInherited(p, b.PreserveFDs)
		guarded = b.guard()
		if b.host.Privileged && b.namespaces.Joins(specs.PIDNamespace) {
			security.Hide(p)
		}
	})
	if b.userns {
		b.asCaller = len(p.Ops)
		user.Become(p)
	}
	b.dieWithParent()
	return errors.Join(err, guarded)
}

// guard keeps the runtime's program from the container.
func (b *builder) guard() error {
	warnings, err := security.Guard(&b.plan)
	b.warnings = append(b.warnings, warnings...)
	return err
}

// dieWithParent is said again whenever ids changed, because the kernel then forgets it (prctl(2)).
func (b *builder) dieWithParent() {
	if !b.DieWithParent {
		return
	}
	b.plan.Add(plan.Op{Actor: plan.Child, What: "asking to be killed when the parent dies", Step: "02-pid",
		Why:   "or a container would outlive the one who cleans up after it",
		Calls: []plan.Call{{Name: "prctl", Args: []plan.Arg{plan.Sym("PR_SET_PDEATHSIG", unix.PR_SET_PDEATHSIG), plan.Sym("SIGKILL", int(unix.SIGKILL))}}}})
}

// identity is the namespaces that have no files to them.
func (b *builder) identity() error {
	b.namespaces.Cgroup(&b.plan)
	if err := b.namespaces.Sysctl(&b.plan, b.Spec.Linux.Sysctl); err != nil {
		return err
	}
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
	dir := b.path(spec.Root.Path)
	options := mount.Options{IsDir: b.isDir, Rootfs: dir, Userns: b.userns, AsCaller: b.asCaller, Shared: !b.namespaces.New(specs.MountNamespace), Label: spec.Linux.MountLabel}
	if b.Overlay != nil {
		dir, options.Rootfs = b.Overlay.Target, ""
	}
	mounts, err := mount.Gather(p, b.mounts(), options)
	if err != nil {
		return err
	}
	b.idmaps = mounts.Idmaps
	b.warnings = append(b.warnings, mounts.Warnings...)
	if !b.shared {
		if err := mount.Private(p, spec.Linux.RootfsPropagation); err != nil {
			return err
		}
	}
	root, err := b.root(dir)
	if err != nil {
		return err
	}
	mounts.Attach(p, root)
	if err := mounts.Devices(p, root, spec.Linux.Devices); err != nil {
		return err
	}
	for _, l := range b.links {
		mount.Link(p, root, l[0], l[1])
	}
	mounts.Hide(p, root, spec.Linux.MaskedPaths, spec.Linux.ReadonlyPaths)
	b.session()
	if spec.Process.Terminal {
		b.terminal(root)
		mount.Console(p, root, slave)
	}
	mounts.Seal(p)
	b.hooks()
	b.enterRoot(root)
	b.null()
	b.pipes()
	if err := mount.WorkingDir(p, spec.Process.Cwd); err != nil {
		return err
	}
	if spec.Root.Readonly {
		mount.ReadOnlyRoot(p)
	}
	mount.RootPropagation(p, spec.Linux.RootfsPropagation)
	b.keyring()
	return nil
}

// enterRoot exchanges the host's root for the container's.
func (b *builder) enterRoot(root string) {
	switch {
	case b.shared:
		mount.Chroot(&b.plan, root)
	case b.NoPivot:
		mount.Move(&b.plan, root)
	default:
		mount.Pivot(&b.plan, root)
	}
}

// root makes the new root a mount, and returns the name of its descriptor.
func (b *builder) root(dir string) (string, error) {
	switch {
	case b.shared:
		return mount.BindOn(&b.plan, dir, b.MountOn), nil
	case b.Overlay == nil:
		return mount.Bind(&b.plan, dir), nil
	}
	if err := b.Overlay.Add(&b.plan); err != nil {
		return "", err
	}
	return mount.Open(&b.plan, dir), nil
}

// isDir asks the host, but for what the plan will make.
func (b *builder) isDir(name string) (bool, error) {
	if slices.Contains(b.cgroup.Dirs(), name) {
		return true, nil
	}
	return b.host.IsDir(name)
}

// path makes a path of the configuration absolute.
func (b *builder) path(name string) string {
	if path.IsAbs(name) {
		return name
	}
	return path.Join(b.Bundle, name)
}

// mounts are the configuration's, with what depends on the machine filled in.
func (b *builder) mounts() []specs.Mount {
	var list []specs.Mount
	for _, m := range b.Spec.Mounts {
		if m.Type == "bind" || slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind") {
			m.Source = b.path(m.Source)
		}
		switch {
		case slices.Contains(m.Options, "remount"):
			list = append(list, m) // whatever type it says, it is of what is there already
		case m.Type == "cgroup" || m.Type == "cgroup2":
			list = append(list, b.cgroupMounts(m)...)
		case m.Type == "sysfs" && b.userns && !b.namespaces.New(specs.NetworkNamespace):
			// sysfs belongs to a network namespace, and the host's isn't ours to make one for: the host's own, then.
			list = append(list, specs.Mount{Type: "bind", Source: "/sys", Destination: m.Destination, Options: []string{"rbind", "rro", "rnosuid", "rnodev", "rnoexec"}})
		case m.Type == "devpts" && !user.Contains(b.groups(), ttyGroup):
			unmapped := fmt.Sprintf("gid=%d", ttyGroup)
			m.Options = slices.DeleteFunc(slices.Clone(m.Options), func(o string) bool { return o == unmapped })
			list = append(list, m)
		default:
			list = append(list, m)
		}
	}
	return list
}

// groups are the group ids that exist inside.
func (b *builder) groups() []specs.LinuxIDMapping {
	if b.mapping != nil {
		return b.mapping.GIDs
	}
	return b.host.Groups
}

// ttyGroup owns terminals on nearly every distribution.
const ttyGroup = 5

// cgroupMounts are what a mount of type cgroup means here: the one hierarchy of version 2, or a directory with a mount for
// each hierarchy. Without a cgroup namespace a new mount would show the whole tree: of version 1 the container's own directories are mounted instead. A user
// namespace may make a mount only from a cgroup namespace of its own.
func (b *builder) cgroupMounts(m specs.Mount) []specs.Mount {
	own := b.namespaces.New(specs.CgroupNamespace)
	if b.host.Cgroups.Unified() {
		m.Type, m.Source = "cgroup2", "cgroup"
		if !own {
			// A mount made outside a cgroup namespace would also reset the options of the host's, such as nsdelegate.
			m.Type, m.Source, m.Options = "bind", b.host.Cgroups.Hierarchies[0].Mount, append([]string{"rbind"}, m.Options...)
		}
		return []specs.Mount{m}
	}
	list := []specs.Mount{{Type: "tmpfs", Source: "cgroup", Destination: m.Destination, Options: []string{"nosuid", "nodev", "noexec", "mode=755"}}}
	if slices.Contains(m.Options, "ro") {
		list[0].Options = append(list[0].Options, "ro")
	}
	for _, h := range b.host.Cgroups.Hierarchies {
		one := hierarchyMount(m, h)
		if !own {
			i := slices.IndexFunc(b.cgroup.Dirs(), func(dir string) bool { return strings.HasPrefix(dir, h.Mount+"/") })
			if i < 0 {
				continue
			}
			one.Type, one.Source, one.Options = "bind", b.cgroup.Dirs()[i], append([]string{"bind"}, m.Options...)
		}
		list = append(list, one)
		// Programs look for a controller under its own name, also where it shares a hierarchy.
		for _, c := range h.Controllers {
			if name := path.Join(m.Destination, c); !h.V2 && len(h.Controllers) > 1 && name != one.Destination {
				b.links = append(b.links, [2]string{path.Base(one.Destination), name})
			}
		}
	}
	return list
}
