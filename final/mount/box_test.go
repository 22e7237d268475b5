package mount

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/plan"
	"stave/internal/script"
)

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// own gives the test a mount namespace and a directory with a filesystem of its own, which passes news of mounts on. The thread ends with the test.
func own(t *testing.T) string {
	t.Helper()
	script.Need(t, "root")
	dir := t.TempDir()
	runtime.LockOSThread()
	must(t,
		unix.Unshare(unix.CLONE_NEWNS),
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"),
		unix.Mount("", dir, "", unix.MS_SHARED, ""),
		os.Chmod(filepath.Dir(dir), 0o755), // somebody else's root must get there
		os.MkdirAll(filepath.Join(dir, "rootfs"), 0o755))
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// A box is what a test's container is made of.
type box struct {
	mounts   []specs.Mount
	devices  []specs.LinuxDevice
	masked   []string
	readOnly []string

	userns        bool
	noPivot       bool
	on            string // where the root is mounted, without a mount namespace
	blind         bool   // planning can't look into the root
	propagation   string
	readOnlyRoot  bool
	before, after func(p *plan.Plan, root string) // around the pivot
}

// A container is one that waits, so that it can be looked at.
type container struct {
	t    *testing.T
	pid  int
	proc *plan.Process
}

// try makes a container with the root filesystem dir/rootfs.
func (b box) try(t *testing.T, dir string) (*container, error) {
	t.Helper()
	p := &plan.Plan{}
	flags := unix.CLONE_NEWPID
	if b.on == "" {
		flags |= unix.CLONE_NEWNS
	}
	if b.userns {
		flags |= unix.CLONE_NEWUSER
	}
	p.Clone(flags, "", "", "")
	if b.userns {
		op := plan.Op{Actor: plan.Parent, What: "mapping"}
		for _, file := range []string{"uid_map", "gid_map"} {
			op.Calls = append(op.Calls, p.WriteFile(plan.Concat(plan.Str("/proc/"), plan.Ref("child"), plan.Str("/"+file)), plan.Str("0 100000 65536"))...)
		}
		p.Add(op)
		zero := plan.Int(0)
		p.Add(plan.Op{Actor: plan.Child, What: "becoming root", Calls: []plan.Call{
			{Name: "setresgid", Args: []plan.Arg{zero, zero, zero}}, {Name: "setresuid", Args: []plan.Arg{zero, zero, zero}}}})
	}
	p.Add(plan.Op{Actor: plan.Child, What: "setting the umask", Calls: []plan.Call{{Name: "umask", Args: []plan.Arg{plan.Int(0)}}}})
	rootfs := filepath.Join(dir, "rootfs")
	if b.userns {
		must(t, os.Chown(rootfs, 100000, 100000))
	}
	o := Options{Rootfs: rootfs, Userns: b.userns, Shared: b.on != "", IsDir: func(name string) (bool, error) {
		info, err := os.Stat(name)
		return err == nil && info.IsDir(), err
	}}
	if b.blind {
		o.Rootfs = ""
	}
	set, err := Gather(p, b.mounts, o)
	if err != nil {
		return nil, err
	}
	root := ""
	if b.on != "" {
		root = BindOn(p, rootfs, b.on)
	} else {
		if err := Private(p, b.propagation); err != nil {
			return nil, err
		}
		root = Bind(p, rootfs)
	}
	set.Attach(p, root)
	if err := set.Devices(p, root, b.devices); err != nil {
		return nil, err
	}
	set.Seal(p)
	set.Hide(p, root, b.masked, b.readOnly)
	if b.before != nil {
		b.before(p, root)
	}
	switch {
	case b.on != "":
		Chroot(p, root)
	case b.noPivot:
		Move(p, root)
	default:
		Pivot(p, root)
	}
	if b.readOnlyRoot {
		ReadOnlyRoot(p)
	}
	RootPropagation(p, b.propagation)
	if b.after != nil {
		b.after(p, root)
	}
	return wait(t, p, set.Idmaps)
}

// wait runs a plan whose child goes on until the test is over.
func wait(t *testing.T, p *plan.Plan, idmaps []Idmap) (*container, error) {
	t.Helper()
	r, w, err := os.Pipe()
	must(t, err)
	defer r.Close()
	inputs := map[string]int{"gate": int(r.Fd())}
	for _, m := range idmaps {
		fd, err := m.Open()
		must(t, err)
		defer unix.Close(fd)
		inputs[m.Input] = fd
	}
	p.Leave("the test looks now")
	p.Add(plan.Op{Actor: plan.Child, What: "waiting", Calls: []plan.Call{
		{Name: "close", Args: []plan.Arg{plan.Int(int(w.Fd()))}},
		{Name: "read", Args: []plan.Arg{plan.Ref("gate"), plan.Bytes("", make([]byte, 1)), plan.Int(1)}},
		{Name: "exit_group", Args: []plan.Arg{plan.Int(0)}}}})
	proc, err := p.Run(plan.Options{Inputs: inputs})
	if err != nil {
		w.Close()
		return nil, err
	}
	t.Cleanup(func() {
		w.Close()
		if code, err := proc.Wait(); err != nil || code != 0 {
			t.Errorf("the child ended with %d, %v", code, err)
		}
		unix.Close(proc.PidFD)
	})
	return &container{t, proc.Pid, proc}, nil
}

func (b box) run(t *testing.T, dir string) *container {
	t.Helper()
	c, err := b.try(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// open opens a name in the container, by its own links.
func (c *container) open(name string, flags int) (*os.File, error) {
	root, err := unix.Open(fmt.Sprintf("/proc/%d/root", c.pid), unix.O_PATH|unix.O_DIRECTORY, 0)
	must(c.t, err)
	defer unix.Close(root)
	how := &unix.OpenHow{Flags: uint64(flags), Resolve: unix.RESOLVE_IN_ROOT}
	if flags&unix.O_CREAT != 0 {
		how.Mode = 0o644
	}
	fd, err := unix.Openat2(root, name, how)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// stat is about a name that isn't followed if it is a link.
func (c *container) stat(name string) unix.Stat_t {
	c.t.Helper()
	f, err := c.open(name, unix.O_PATH|unix.O_NOFOLLOW)
	must(c.t, err)
	defer f.Close()
	var st unix.Stat_t
	must(c.t, unix.Fstat(int(f.Fd()), &st))
	return st
}

func (c *container) exists(name string) bool {
	f, err := c.open(name, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return false
	}
	return f.Close() == nil
}

func (c *container) read(name string) string {
	c.t.Helper()
	f, err := c.open(name, unix.O_RDONLY)
	must(c.t, err)
	defer f.Close()
	b := make([]byte, 4096)
	n, _ := f.Read(b)
	return string(b[:n])
}

// write tells how writing a new file in a directory goes.
func (c *container) write(dir string) error {
	f, err := c.open(dir+"/written", unix.O_WRONLY|unix.O_CREAT)
	if err != nil {
		return err
	}
	return f.Close()
}

// A line is one of /proc/PID/mountinfo.
type line struct{ root, options, propagation, kind, super string }

// mounts are the container's by where they are mounted; the topmost counts.
func (c *container) mounts() map[string]line {
	c.t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/mountinfo", c.pid))
	must(c.t, err)
	defer f.Close()
	list := map[string]line{}
	for s := bufio.NewScanner(f); s.Scan(); {
		before, after, _ := strings.Cut(s.Text(), " - ")
		f, g := strings.Fields(before), strings.Fields(after)
		l := line{root: f[3], options: f[5], kind: g[0], super: g[2]}
		for _, o := range f[6:] {
			name, _, _ := strings.Cut(o, ":")
			l.propagation = strings.TrimSpace(l.propagation + " " + name)
		}
		list[f[4]] = l
	}
	return list
}

// bind is a bind mount.
func bind(source, destination string, options ...string) specs.Mount {
	return specs.Mount{Type: "bind", Source: source, Destination: destination, Options: append([]string{"bind"}, options...)}
}

func rbind(source, destination string, options ...string) specs.Mount {
	return specs.Mount{Type: "bind", Source: source, Destination: destination, Options: append([]string{"rbind"}, options...)}
}

func tmpfs(destination string, options ...string) specs.Mount {
	return specs.Mount{Type: "tmpfs", Source: "tmpfs", Destination: destination, Options: options}
}

func proc() specs.Mount { return specs.Mount{Type: "proc", Source: "proc", Destination: "/proc"} }
