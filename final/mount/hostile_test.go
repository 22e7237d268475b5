package mount

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/plan"
)

// untouched fails if anything of a directory isn't as it was.
func untouched(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	if len(entries) != 1 || entries[0].Name() != "file" {
		t.Errorf("there is %v on the host", entries)
	}
}

// Whatever links a root filesystem has in it, mounts, directories and devices end up below it (CVE-2021-30465, CVE-2024-21626).
func TestLinksStayInside(t *testing.T) {
	dir := own(t)
	in := func(name string) string { return filepath.Join(dir, "rootfs", name) }
	host := filepath.Join(dir, "host")
	must(t, os.Mkdir(host, 0o755), os.WriteFile(host+"/file", []byte("of the host"), 0o644),
		os.Symlink(host, in("absolute")), os.Symlink("../../../../../../../.."+host, in("dots")), os.Symlink("/gone/dir", in("dangling")),
		os.Symlink("../run/resolve/conf", in("resolv.conf")), os.Symlink("b", in("a")), os.Symlink("a", in("b")))
	source := filepath.Join(dir, "source")
	must(t, os.WriteFile(source, []byte("mounted"), 0o644))
	b := box{
		mounts: []specs.Mount{
			tmpfs("/absolute"), tmpfs("/dots/deeper"), bind(source, "/dots/deeper/down/file"), tmpfs("/../../../up"), tmpfs("/dangling/x"), bind(source, "/resolv.conf"),
		},
		devices: []specs.LinuxDevice{{Type: "c", Path: "/dots/null", Major: 1, Minor: 3}},
	}
	c := b.run(t, dir)
	untouched(t, host)
	list := c.mounts()
	for _, name := range []string{host, host + "/deeper", host + "/deeper/down/file", "/up", "/gone/dir/x", "/run/resolve/conf"} {
		if _, ok := list[name]; !ok {
			t.Errorf("nothing is mounted on %s: %v", name, list)
		}
	}
	for _, name := range []string{"/dots/deeper/down/file", "/run/resolve/conf"} {
		if got := c.read(name); got != "mounted" {
			t.Errorf("in %s there is %q", name, got)
		}
	}
	if _, err := (box{mounts: []specs.Mount{tmpfs("/a/x")}}).try(t, dir); !errors.Is(err, unix.ELOOP) {
		t.Errorf("a ring of links gave %v", err)
	}
}

// Without a look at the root beforehand, links that lead to nothing are a failure, and nothing worse.
func TestBlind(t *testing.T) {
	dir := own(t)
	must(t, os.Symlink("/gone/dir", filepath.Join(dir, "rootfs/link")), os.Symlink("/", filepath.Join(dir, "rootfs/top")))
	c := box{blind: true, mounts: []specs.Mount{tmpfs("/top/x/y")}}.run(t, dir)
	if _, ok := c.mounts()["/x/y"]; !ok {
		t.Error("nothing is mounted on /x/y")
	}
	if _, err := (box{blind: true, mounts: []specs.Mount{tmpfs("/link")}}).try(t, dir); !errors.Is(err, unix.ENOENT) {
		t.Errorf("got %v", err)
	}
}

// Links of a directory that a mount covers don't count. Old images have such a /dev/shm.
func TestCoveredLinks(t *testing.T) {
	dir := own(t)
	in := func(name string) string { return filepath.Join(dir, "rootfs", name) }
	must(t, os.Mkdir(in("dev"), 0o755), os.Symlink("/run/shm", in("dev/shm")), os.Symlink("/run/null", in("dev/null")))
	c := box{mounts: []specs.Mount{tmpfs("/dev"), tmpfs("/dev/shm")}}.run(t, dir)
	if _, ok := c.mounts()["/dev/shm"]; !ok {
		t.Error("nothing is mounted on /dev/shm")
	}
}

// Those of a directory that a mount has a copy of do: they are there again.
func TestCopiedLinks(t *testing.T) {
	dir := own(t)
	in := func(name string) string { return filepath.Join(dir, "rootfs", name) }
	source := filepath.Join(dir, "source")
	must(t, os.WriteFile(source, []byte("mounted"), 0o644), os.Mkdir(in("etc"), 0o755), os.Symlink("../run/resolv.conf", in("etc/resolv.conf")))
	c := box{mounts: []specs.Mount{tmpfs("/run"), tmpfs("/etc", "tmpcopyup"), bind(source, "/etc/resolv.conf")}}.run(t, dir)
	if got := c.read("/run/resolv.conf"); got != "mounted" {
		t.Errorf("there is %q", got)
	}
	if st := c.stat("/etc/resolv.conf"); st.Mode&unix.S_IFMT != unix.S_IFLNK {
		t.Errorf("the link has mode %#o", st.Mode)
	}
}

// Magic links of proc lead to files that are open, wherever they are.
func TestMagicLinks(t *testing.T) {
	dir := own(t)
	must(t, os.Symlink("/proc/self/root", filepath.Join(dir, "rootfs/root")), os.Symlink("/proc/self/cwd", filepath.Join(dir, "rootfs/cwd")))
	for _, name := range []string{"/root/etc", "/cwd"} {
		for _, b := range []box{
			{devices: []specs.LinuxDevice{{Type: "c", Path: name + "/stave-test-null", Major: 1, Minor: 3}}},
			{masked: []string{name}},
			{after: func(p *plan.Plan, _ string) { must(t, WorkingDir(p, name)) }},
		} {
			b.mounts = []specs.Mount{proc()}
			if _, err := b.try(t, dir); !errors.Is(err, unix.ELOOP) {
				t.Errorf("%s: got %v", name, err)
			}
		}
	}
	if _, err := os.Lstat("/etc/stave-test-null"); err == nil {
		t.Error("a device was made on the host")
	}
}

// What looks like /proc and isn't must not be written to as if it were (CVE-2019-19921).
func TestProcIsProc(t *testing.T) {
	dir := own(t)
	in := func(name string) string { return filepath.Join(dir, "rootfs", name) }
	must(t, os.MkdirAll(in("fake/self/attr"), 0o755), os.Symlink("fake", in("proc")), os.Symlink("fake", in("sys")))
	sysfs := specs.Mount{Type: "sysfs", Destination: "/sys"}
	for _, m := range []specs.Mount{proc(), sysfs} {
		if _, err := (box{mounts: []specs.Mount{m}}).try(t, dir); !errors.Is(err, unix.ELOOP) {
			t.Errorf("%s: got %v", m.Type, err)
		}
	}
	// Nor can a volume get there by a link (CVE-2023-27561), whatever the order.
	must(t, os.Remove(in("proc")), os.Remove(in("sys")), os.Symlink("/proc", in("volume")), os.Symlink("/proc/self", in("self")))
	fake := filepath.Join(dir, "volume")
	must(t, os.MkdirAll(fake+"/1/attr", 0o755))
	for _, list := range [][]specs.Mount{{proc(), bind(fake, "/volume"), bind(fake, "/self")}, {bind(fake, "/volume"), proc(), tmpfs("/volume/self")}} {
		c := box{mounts: list}.run(t, dir)
		if !c.exists("/proc/1/stat") {
			t.Error("/proc isn't proc")
		}
	}
	lxcfs := filepath.Join(dir, "meminfo")
	must(t, os.WriteFile(lxcfs, []byte("MemTotal: 1 kB"), 0o644))
	c := box{mounts: []specs.Mount{proc(), bind(lxcfs, "/proc/meminfo"), tmpfs("/dev")}}.run(t, dir)
	if got := c.read("/proc/meminfo"); !strings.HasPrefix(got, "MemTotal: 1 kB") {
		t.Errorf("/proc/meminfo has %q", got)
	}
}

// A root filesystem's own devices are not taken for the real ones (CVE-2025-31133).
func TestFakeDevices(t *testing.T) {
	dir := own(t)
	in := func(name string) string { return filepath.Join(dir, "rootfs", name) }
	must(t, os.MkdirAll(in("dev"), 0o755), os.MkdirAll(in("secret/dir"), 0o755), os.WriteFile(in("secret/file"), []byte("secret"), 0o644), os.WriteFile(in("secret/dir/file"), []byte("secret"), 0o644),
		os.Symlink("/secret/file", in("dev/null")), os.WriteFile(in("dev/zero"), []byte("not zero"), 0o644), unix.Mknod(in("dev/full"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 1))))
	if _, err := (box{}).try(t, dir); !errors.Is(err, unix.ELOOP) {
		t.Errorf("a link in the place of /dev/null gave %v", err)
	}
	must(t, os.Remove(in("dev/null")), os.WriteFile(in("dev/null"), []byte("not null"), 0o644))
	c := box{masked: []string{"/secret/file", "/secret/dir", "/none", "/secret/file/none"}}.run(t, dir)
	for name, minor := range map[string]uint32{"null": 3, "zero": 5, "full": 7, "random": 8} {
		if st := c.stat("/dev/" + name); st.Mode != unix.S_IFCHR|0o666 || st.Rdev != unix.Mkdev(1, minor) {
			t.Errorf("/dev/%s has mode %#o and is %#x", name, st.Mode, st.Rdev)
		}
	}
	if st := c.stat("/secret/file"); st.Rdev != unix.Mkdev(1, 3) {
		t.Errorf("the masked file is %#x", st.Rdev)
	}
	if c.exists("/secret/dir/file") || c.write("/secret/dir") != unix.EROFS {
		t.Error("the masked directory isn't empty, or can be written to")
	}
	for _, d := range []specs.LinuxDevice{{Type: "c", Path: "/secret/file", Major: 1, Minor: 3}, {Type: "c", Path: "/dev/full", Major: 1, Minor: 7}, {Type: "x", Path: "/x"}} {
		if _, err := (box{devices: []specs.LinuxDevice{d}}).try(t, dir); err == nil || !strings.Contains(err.Error(), "linux.devices") {
			t.Errorf("%s: got %v", d.Path, err)
		}
	}
}

// pty is the operations that open a terminal of the container's and mount it.
func pty(p *plan.Plan, root string) {
	flags := plan.Sym("O_RDWR|O_NOCTTY", unix.O_RDWR|unix.O_NOCTTY)
	p.Add(plan.Op{Actor: plan.Child, What: "making a terminal", Calls: []plan.Call{
		openIn(root, "/dev/pts/ptmx", unix.O_RDWR|unix.O_NOCTTY, "O_RDWR|O_NOCTTY", "ptmx"),
		{Name: "ioctl", Args: []plan.Arg{plan.Ref("ptmx"), plan.Sym("TIOCSPTLCK", unix.TIOCSPTLCK), plan.Bytes("{0}", plan.HalfWords(0))}},
		{Name: "ioctl", Args: []plan.Arg{plan.Ref("ptmx"), plan.Sym("TIOCGPTPEER", unix.TIOCGPTPEER), flags}, Result: "slave"}}})
	Console(p, root, "slave")
}

// /dev/console is the terminal, or there is no container (CVE-2025-52565).
func TestConsole(t *testing.T) {
	dir := own(t)
	in := func(name string) string { return filepath.Join(dir, "rootfs", name) }
	devpts := specs.Mount{Type: "devpts", Destination: "/dev/pts", Options: []string{"newinstance", "ptmxmode=0666"}}
	for _, userns := range []bool{false, true} {
		c := box{userns: userns, mounts: []specs.Mount{tmpfs("/dev"), devpts}, before: pty}.run(t, dir)
		if st := c.stat("/dev/console"); unix.Major(st.Rdev) != 136 {
			t.Errorf("/dev/console is %#x", st.Rdev)
		}
		if m := c.mounts()["/dev/console"]; m.kind != "devpts" || m.root != "/0" {
			t.Errorf("/dev/console is %+v", m)
		}
	}
	must(t, os.MkdirAll(in("dev/pts"), 0o755), os.Symlink("/sys", in("dev/console")))
	if _, err := (box{mounts: []specs.Mount{devpts}, before: pty}).try(t, dir); !errors.Is(err, unix.ELOOP) {
		t.Errorf("a link in the place of /dev/console gave %v", err)
	}
}

// A link that is swapped with a directory all the time leads nowhere either (CVE-2021-30465).
func TestSwappedLinks(t *testing.T) {
	dir := own(t)
	in := func(name string) string { return filepath.Join(dir, "rootfs", name) }
	host := filepath.Join(dir, "host")
	must(t, os.Mkdir(host, 0o755), os.WriteFile(host+"/file", nil, 0o644), os.Mkdir(in("a"), 0o755), os.Symlink("../../../.."+host, in("b")))
	stop, stopped := make(chan struct{}), make(chan struct{})
	rootfs, err := os.Open(in(""))
	must(t, err)
	defer rootfs.Close()
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				_ = unix.Renameat2(int(rootfs.Fd()), "a", int(rootfs.Fd()), "b", unix.RENAME_EXCHANGE)
			}
		}
	}()
	made := 0
	for range 50 {
		b := box{mounts: []specs.Mount{tmpfs("/a/x"), bind(host+"/file", "/a/y")}, devices: []specs.LinuxDevice{{Type: "c", Path: "/a/z", Major: 1, Minor: 3}}, masked: []string{"/a"}}
		_, err := b.try(t, dir)
		switch {
		case err == nil:
			made++
		// The link leads to nothing in there, the kernel gives up, or what was a link when a directory was looked for is one by now, and takes no file.
		case !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINVAL):
			t.Error(err)
		}
	}
	close(stop)
	<-stopped
	untouched(t, host)
	t.Logf("%d of 50 were made", made)
}
