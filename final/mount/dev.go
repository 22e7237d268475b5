package mount

import (
	"fmt"
	"path"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/plan"
)

// defaults are the devices that every container has (OCI runtime specification, config-linux.md, "Default Devices").
var defaults = []specs.LinuxDevice{
	{Type: "c", Path: "/dev/null", Major: 1, Minor: 3}, {Type: "c", Path: "/dev/zero", Major: 1, Minor: 5}, {Type: "c", Path: "/dev/full", Major: 1, Minor: 7},
	{Type: "c", Path: "/dev/random", Major: 1, Minor: 8}, {Type: "c", Path: "/dev/urandom", Major: 1, Minor: 9}, {Type: "c", Path: "/dev/tty", Major: 5, Minor: 0},
}

// links are what programs expect besides.
var links = [][2]string{
	{"/proc/self/fd", "fd"}, {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"}, {"/proc/self/fd/2", "stderr"},
	{"pts/ptmx", "ptmx"}, {"/proc/kcore", "core"},
}

// Devices appends the operations that fill /dev below root: the default devices, the usual links, and the devices of a configuration. It comes after
// [Set.Attach], and the umask must be 0. A /dev that is the host's stays as it is, and so does what a configuration mounts on the name of a default device.
func (s *Set) Devices(p *plan.Plan, root string, list []specs.LinuxDevice) error {
	const why = "what programs take for granted: null, zero, random, the standard streams"
	hosts := slices.ContainsFunc(s.entries, func(e entry) bool { return e.mount.Destination == "/dev" && e.bound })
	if !hosts {
		calls, dev := makeDirs(p, root, "/dev", "")
		for _, d := range defaults {
			if !s.mountedOn(d.Path) && !slices.ContainsFunc(list, func(l specs.LinuxDevice) bool { return path.Clean(l.Path) == d.Path }) {
				calls = append(calls, s.device(p, dev, d, true)...)
			}
		}
		for _, l := range links {
			calls = append(calls, symlink(l[0], dev, l[1]))
		}
		p.Add(plan.Op{Actor: plan.Child, What: "filling /dev", Step: step, Why: why, Calls: calls})
	}
	for _, d := range list {
		d.Path = path.Join("/", d.Path)
		if deviceType(d.Type) == 0 {
			return fmt.Errorf("linux.devices: the type %q of %s is none of c, b, u and p", d.Type, d.Path)
		}
		// The multiplexer of terminals is the container's own, whatever the list says.
		if d.Path == "/dev/ptmx" || hosts && below(d.Path, "/dev") {
			continue
		}
		if !s.options.Userns && !s.covered(d.Path) {
			if err := s.options.matches(d); err != nil {
				return err
			}
		}
		calls, dir := makeDirs(p, root, path.Dir(d.Path), "")
		calls = append(append(calls, s.device(p, dir, d, false)...), done(root, dir)...)
		p.Add(plan.Op{Actor: plan.Child, What: "making the device " + d.Path, Step: step, Calls: calls})
	}
	return nil
}

// deviceType is the S_IF of a device in a configuration, or 0.
func deviceType(t string) uint32 {
	return map[string]uint32{"c": unix.S_IFCHR, "u": unix.S_IFCHR, "b": unix.S_IFBLK, "p": unix.S_IFIFO}[t]
}

// device is the calls that make one in a directory. Where mknod(2) makes none, which is in a user namespace and wherever CAP_MKNOD is lacking, the host's is
// mounted there. That happens, too, if something that isn't ours has the name of a default device: it may look like null and not be it.
func (s *Set) device(p *plan.Plan, dir string, d specs.LinuxDevice, isDefault bool) []plan.Call {
	name, made := path.Base(d.Path), p.Name("made")
	mode := uint32(0o666)
	if d.FileMode != nil {
		mode = uint32(*d.FileMode) & 0o7777
	}
	kinds := map[string]string{"c": "S_IFCHR", "u": "S_IFCHR", "b": "S_IFBLK", "p": "S_IFIFO"}
	var calls []plan.Call
	if !s.options.Userns || d.Type == "p" {
		calls = append(calls, plan.Call{Name: "mknodat", Result: made, Allow: []unix.Errno{unix.EEXIST, unix.EPERM}, Args: []plan.Arg{at(dir), plan.Str(name),
			plan.Sym(fmt.Sprintf("%s|%#o", kinds[d.Type], mode), int(deviceType(d.Type)|mode)),
			plan.Sym(fmt.Sprintf("makedev(%d, %d)", d.Major, d.Minor), int(unix.Mkdev(uint32(d.Major), uint32(d.Minor))))}})
		if d.UID != nil || d.GID != nil {
			calls = append(calls, plan.Call{Name: "fchownat", If: made, Args: []plan.Arg{at(dir), plan.Str(name), id(d.UID), id(d.GID),
				plan.Sym("AT_SYMLINK_NOFOLLOW", unix.AT_SYMLINK_NOFOLLOW)}})
		}
		if d.Type == "p" {
			calls[0].Allow = exists
			return calls
		}
	} else {
		made = ""
	}
	touched, place, tree := "", p.Name("place"), p.Name("tree")
	if !isDefault && made != "" {
		touched = p.Name("touched") // something that was there already is what the configuration asks for, or planning would have noticed
	}
	host := []plan.Call{
		{Name: "openat", Result: touched, Allow: exists, Args: []plan.Arg{at(dir), plan.Str(name), plan.Sym("O_CREAT|O_EXCL|O_CLOEXEC", unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC), plan.Mode(0o644)}},
		open(dir, name, unix.O_PATH, "O_PATH", unix.RESOLVE_IN_ROOT|unix.RESOLVE_NO_SYMLINKS, place),
		cloneTree(d.Path, false, tree),
	}
	for i := range host {
		host[i].Unless, host[i].If = made, touched
	}
	host[0].If = ""
	if s.options.Shared {
		host = append(host, setattr(plan.Ref(tree), "", unix.AT_EMPTY_PATH, change{}, private, false))
	}
	return append(append(calls, host...), moveMount(tree, place))
}

// id is a user's or group's, or root's.
func id(n *uint32) plan.Arg {
	if n == nil {
		return plan.Int(0)
	}
	return plan.Int(int(*n))
}

// Console appends the operation that mounts a terminal's slave, a descriptor of the child's, on /dev/console below root. It comes after [Set.Devices]. Neither the
// slave nor its place is looked up by a name that the image could have made a link (CVE-2025-52565).
func Console(p *plan.Plan, root, slave string) {
	tree, place := p.Name("tree"), p.Name("place")
	calls := append([]plan.Call{cloneAt(slave, false, tree)}, find(p, root, "/dev/console", "/dev/console", true, false, place)...)
	p.Add(plan.Op{Actor: plan.Child, What: "mounting the terminal on /dev/console", Step: step, Why: "where programs print what the machine's user should see",
		Calls: append(calls, moveMount(tree, place))})
}
