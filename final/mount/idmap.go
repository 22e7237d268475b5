package mount

import (
	"fmt"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/plan"
)

// An Idmap is a user namespace that stands for a mapping of ids of a mount: that is how mount_setattr(2) wants to be told one. It is
// made by a plan of its own, whose child does nothing but be in it.
type Idmap struct {
	// Input is the name its descriptor has in the container's plan.
	Input string
	Plan  *plan.Plan
}

// Open runs the plan and returns the descriptor of the user namespace. The caller closes it.
func (i Idmap) Open() (int, error) {
	proc, err := i.Plan.Run(plan.Options{})
	if err != nil {
		return -1, fmt.Errorf("mapping ids of a mount: %w", err)
	}
	unix.Close(proc.PidFD)
	fd, _ := proc.Result("userns")
	if _, err := proc.Wait(); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// idmap appends the parent's operation that maps the ids of a gathered mount. The right to it comes from the user namespace that the filesystem belongs to, which
// may not be the child's.
func (s *Set) idmap(p *plan.Plan, e entry, o options) error {
	uids, gids := e.mount.UIDMappings, e.mount.GIDMappings
	given := len(uids)+len(gids) > 0
	switch {
	case !given && !o.idmap:
		return nil
	case given && (len(uids) == 0 || len(gids) == 0):
		return fmt.Errorf("uidMappings and gidMappings must be there both or neither")
	case !given && !s.options.Userns:
		return fmt.Errorf("mapping ids needs uidMappings and gidMappings, or a user namespace whose mapping is taken")
	}
	op := plan.Op{Actor: plan.Parent, What: "mapping the ids of " + e.mount.Source + " for " + e.mount.Destination, Step: "08-user",
		Why: "files of one id look, at this place alone, as if they were another's"}
	var ns string
	if given {
		ns = s.userns(p, uids, gids)
	} else {
		ns = p.Name("userns")
		op.Calls = []plan.Call{openUserns(ns)}
	}
	flags, text := unix.AT_EMPTY_PATH, "AT_EMPTY_PATH"
	if o.idmapAll {
		flags, text = flags|unix.AT_RECURSIVE, text+"|AT_RECURSIVE"
	}
	fd := p.Name("copy")
	attr := plan.Struct("{set=MOUNT_ATTR_IDMAP, userns_fd="+ns+"}",
		plan.U64(plan.Int(unix.MOUNT_ATTR_IDMAP)), plan.U64(plan.Int(0)), plan.U64(plan.Int(0)), plan.U64(plan.Ref(ns)))
	op.Calls = append(op.Calls, fetch(e.fd, fd),
		plan.Call{Name: "mount_setattr", Args: []plan.Arg{plan.Ref(fd), plan.Str(""), plan.Sym(text, flags), attr, attr.Size()}},
		plan.Call{Name: "close", Args: []plan.Arg{plan.Ref(fd)}})
	if !given {
		op.Calls = append(op.Calls, plan.Call{Name: "close", Args: []plan.Arg{plan.Ref(ns)}})
	}
	p.Add(op)
	return nil
}

// fetch is the parent's call that makes a child's descriptor its own.
func fetch(fd, result string) plan.Call {
	return plan.Call{Name: "pidfd_getfd", Args: []plan.Arg{plan.Ref("pidfd"), plan.Ref(fd), plan.Int(0)}, Result: result}
}

func openUserns(result string) plan.Call {
	return plan.Call{Name: "openat", Args: []plan.Arg{plan.AtCWD(), plan.Concat(plan.Str("/proc/"), plan.Ref("child"), plan.Str("/ns/user")),
		plan.Sym("O_RDONLY|O_CLOEXEC", unix.O_RDONLY|unix.O_CLOEXEC)}, Result: result}
}

// userns is the input for a mapping. Mounts with the same one share it.
func (s *Set) userns(p *plan.Plan, uids, gids []specs.LinuxIDMapping) string {
	maps := [2]string{lines(uids), lines(gids)}
	for i, known := range s.maps {
		if known == maps {
			return s.Idmaps[i].Input
		}
	}
	q := &plan.Plan{}
	q.Clone(unix.CLONE_NEWUSER, "CLONE_NEWUSER", "a user namespace for its mapping's sake", "08-user")
	op := plan.Op{Actor: plan.Parent, What: "mapping user and group ids of a mount", Step: "08-user"}
	for i, file := range []string{"uid_map", "gid_map"} {
		name := plan.Concat(plan.Str("/proc/"), plan.Ref("child"), plan.Str("/"+file))
		op.Calls = append(op.Calls, q.WriteFile(name, plan.Str(maps[i]))...)
	}
	op.Calls = append(op.Calls, openUserns("userns"))
	q.Add(op)
	q.Add(plan.Op{Actor: plan.Child, What: "ending", Calls: []plan.Call{{Name: "exit_group", Args: []plan.Arg{plan.Int(0)}}}})
	s.Idmaps, s.maps = append(s.Idmaps, Idmap{Input: p.Name("idmap"), Plan: q}), append(s.maps, maps)
	return s.Idmaps[len(s.Idmaps)-1].Input
}

// lines are a mapping as /proc/PID/uid_map takes it (user_namespaces(7)).
func lines(list []specs.LinuxIDMapping) string {
	var b strings.Builder
	for _, m := range list {
		fmt.Fprintf(&b, "%d %d %d\n", m.ContainerID, m.HostID, m.Size)
	}
	return b.String()
}
