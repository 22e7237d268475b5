package mount

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/plan"
	"stave/internal/script"
)

// Each option of a mount is one of the mount in the container.
func TestOptions(t *testing.T) {
	dir := own(t)
	source := filepath.Join(dir, "source")
	must(t, os.Mkdir(source, 0o755), unix.Mount("tmpfs", source, "tmpfs", unix.MS_NOSUID|unix.MS_NOATIME, ""))
	for _, tc := range []struct {
		mount specs.Mount
		want  string
	}{
		{bind(source, "/m"), "rw,nosuid,noatime"},
		{bind(source, "/m", "ro"), "ro,nosuid,noatime"},
		{bind(source, "/m", "rro", "suid", "atime"), "ro,relatime"},
		{bind(source, "/m", "ro", "rw", "nodev", "noexec"), "rw,nosuid,nodev,noexec,noatime"},
		{bind(source, "/m", "nosymfollow", "nodiratime", "strictatime"), "rw,nosuid,nodiratime,nosymfollow"},
		{bind(source, "/m", "relatime"), "rw,nosuid,relatime"},
		{bind(source, "/m", "norelatime", "sync", "silent"), "rw,nosuid,noatime"},
		{rbind(source, "/m", "ro", "rnodev", "rsuid"), "ro,nodev,noatime"},
		{tmpfs("/m"), "rw,relatime"},
		{tmpfs("/m", "ro", "nosuid,nodev", "noatime"), "ro,nosuid,nodev,noatime"},
		{tmpfs("/m", "rro", "rnoexec"), "ro,noexec,relatime"},
		{tmpfs("/m", "strictatime"), "rw"},
	} {
		c := box{mounts: []specs.Mount{tc.mount}}.run(t, dir)
		if got := c.mounts()["/m"].options; got != tc.want {
			t.Errorf("%v: got %s, want %s", tc.mount.Options, got, tc.want)
		}
		if err := c.write("/m"); (err == unix.EROFS) != strings.HasPrefix(tc.want, "ro") {
			t.Errorf("%v: writing gave %v", tc.mount.Options, err)
		}
	}
	c := box{mounts: []specs.Mount{tmpfs("/m", "size=64k,mode=1700", "nr_inodes=9", "sync"), {Type: "ramfs", Destination: "relative/./path"}}}.run(t, dir)
	if got := strings.TrimSuffix(c.mounts()["/m"].super, ",inode64"); got != "rw,sync,size=64k,nr_inodes=9,mode=1700" {
		t.Errorf("the filesystem has %s", got)
	}
	if got := c.mounts()["/relative/path"].kind; got != "ramfs" {
		t.Errorf("a relative destination gave %q", got)
	}
}

// The kernel tells of them in the order of the list, which before 6.8 is the order in which they were attached; proc is in its place last all the same.
func TestOrder(t *testing.T) {
	dir := own(t)
	c := box{mounts: []specs.Mount{tmpfs("/a"), proc(), tmpfs("/a/b"), tmpfs("/c"), bind("/proc/version", "/proc/uptime")}}.run(t, dir)
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", c.pid))
	must(t, err)
	var got []string
	for l := range strings.Lines(string(b)) {
		if name := strings.Fields(l)[4]; name != "/" {
			got = append(got, name)
		}
	}
	if want := []string{"/a", "/proc", "/a/b", "/c", "/proc/uptime"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := c.read("/proc/uptime"); !strings.HasPrefix(got, "Linux") {
		t.Errorf("/proc/uptime has %q", got)
	}
}

// What begins with r is for the mounts below, too; what doesn't is not.
func TestRecursiveAttributes(t *testing.T) {
	dir := own(t)
	source := filepath.Join(dir, "source")
	must(t, os.MkdirAll(source+"/below", 0o755), unix.Mount(source, source, "", unix.MS_BIND, ""), unix.Mount("tmpfs", source+"/below", "tmpfs", 0, ""))
	for _, tc := range []struct{ options, top, below string }{
		{"ro", "ro,relatime", "rw,relatime"},
		{"rro", "ro,relatime", "ro,relatime"},
		{"rro rw", "ro,relatime", "ro,relatime"}, // recursive ones are applied last
		{"ro rnosuid rnoatime", "ro,nosuid,noatime", "rw,nosuid,noatime"},
		{"rnosymfollow noexec", "rw,noexec,relatime,nosymfollow", "rw,relatime,nosymfollow"},
	} {
		list := box{mounts: []specs.Mount{rbind(source, "/m", strings.Fields(tc.options)...)}}.run(t, dir).mounts()
		if list["/m"].options != tc.top || list["/m/below"].options != tc.below {
			t.Errorf("%s: got %s and %s, want %s and %s", tc.options, list["/m"].options, list["/m/below"].options, tc.top, tc.below)
		}
	}
}

func TestPropagation(t *testing.T) {
	dir := own(t)
	for _, tc := range []struct {
		options, rootfs string
		want, root      string
	}{
		{"", "", "", ""},
		{"", "rslave", "", "master"},
		{"private", "shared", "", "shared master"},
		{"rslave", "", "master", ""},
		{"rshared", "", "shared", ""},
		{"slave shared", "slave", "shared master", "master"},
		{"unbindable", "unbindable", "unbindable", "unbindable"},
	} {
		b := box{mounts: []specs.Mount{rbind(dir, "/m", strings.Fields(tc.options)...)}, propagation: tc.rootfs}
		c := b.run(t, dir)
		list := c.mounts()
		if list["/m"].propagation != tc.want || list["/"].propagation != tc.root {
			t.Errorf("%+v: got %q and %q", tc, list["/m"].propagation, list["/"].propagation)
		}
	}

	// News from the host reaches a slave, and news from a shared mount reaches the host.
	must(t, os.Mkdir(filepath.Join(dir, "disk"), 0o755))
	mountInside := func(p *plan.Plan, _ string) {
		p.Add(plan.Op{Actor: plan.Child, What: "mounting", Calls: []plan.Call{{Name: "mount", Args: []plan.Arg{
			plan.Str("none"), plan.Str("/m/disk"), plan.Str("tmpfs"), plan.Int(0), plan.Str("size=12k")}}}})
	}
	for options, want := range map[string]bool{"rshared": true, "rslave": false, "rprivate": false} {
		box{mounts: []specs.Mount{rbind(dir, "/m", options)}, after: mountInside}.run(t, dir)
		var st unix.Statfs_t
		must(t, unix.Statfs(filepath.Join(dir, "disk"), &st))
		if got := st.Blocks == 3; got != want {
			t.Errorf("%s: the host sees the mount: %v", options, got)
		}
		if want {
			must(t, unix.Unmount(filepath.Join(dir, "disk"), 0))
		}
	}
	slave := box{mounts: []specs.Mount{rbind(dir, "/m", "rslave")}}.run(t, dir)
	private := box{mounts: []specs.Mount{rbind(dir, "/m")}}.run(t, dir)
	root := box{propagation: "rslave"}.run(t, dir)
	must(t, os.Mkdir(filepath.Join(dir, "rootfs/new"), 0o755),
		unix.Mount("tmpfs", filepath.Join(dir, "disk"), "tmpfs", 0, ""), unix.Mount("tmpfs", filepath.Join(dir, "rootfs/new"), "tmpfs", 0, ""))
	for _, got := range []struct {
		c    *container
		name string
		want string
	}{{slave, "/m/disk", "tmpfs"}, {private, "/m/disk", ""}, {root, "/new", "tmpfs"}, {private, "/new", ""}} {
		if kind := got.c.mounts()[got.name].kind; kind != got.want {
			t.Errorf("%s is %q in one, want %q", got.name, kind, got.want)
		}
	}
	if _, err := (box{propagation: "upwards"}).try(t, dir); err == nil || !strings.Contains(err.Error(), "linux.rootfsPropagation") {
		t.Errorf("got %v", err)
	}
}

// Whatever a file is, it can be mounted, and a place is made for it.
func TestBindFiles(t *testing.T) {
	dir := own(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.WriteFile(in("file"), []byte("text"), 0o600), unix.Mkfifo(in("fifo"), 0o600), os.Mkdir(in("dir"), 0o755), os.Symlink("file", in("link")),
		unix.Mknod(in("socket"), unix.S_IFSOCK|0o600, 0), unix.Mknod(in("device"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))))
	kinds := map[string]uint32{"file": unix.S_IFREG, "fifo": unix.S_IFIFO, "dir": unix.S_IFDIR, "link": unix.S_IFREG, "socket": unix.S_IFSOCK, "device": unix.S_IFCHR}
	var b box
	for name := range kinds {
		b.mounts = append(b.mounts, bind(in(name), "/deep/er/"+name, "ro"))
	}
	c := b.run(t, dir)
	for name, kind := range kinds {
		if st := c.stat("/deep/er/" + name); st.Mode&unix.S_IFMT != kind {
			t.Errorf("%s has mode %#o", name, st.Mode)
		}
	}
	if st := c.stat("/deep"); st.Mode != unix.S_IFDIR|0o755 {
		t.Errorf("a directory was made with mode %#o", st.Mode)
	}
	for _, m := range []specs.Mount{bind(in("dir"), "/deep/er/file"), bind(in("file"), "/deep"), bind(in("none"), "/x")} {
		if _, err := (box{mounts: []specs.Mount{m}}).try(t, dir); err == nil || !strings.HasPrefix(err.Error(), "mounting ") {
			t.Errorf("mounting %s on %s gave %v", m.Source, m.Destination, err)
		}
	}
}

// The mode of a tmpfs is that of the directory it covers.
func TestTmpfsMode(t *testing.T) {
	dir := own(t)
	must(t, os.Mkdir(filepath.Join(dir, "rootfs/tmp"), 0o755), os.Chmod(filepath.Join(dir, "rootfs/tmp"), 0o1777|os.ModeSticky))
	c := box{mounts: []specs.Mount{tmpfs("/tmp"), tmpfs("/new"), tmpfs("/given", "mode=700")}}.run(t, dir)
	for name, want := range map[string]uint32{"/tmp": 0o1777, "/new": 0o755, "/given": 0o700} {
		if got := c.stat(name).Mode & 0o7777; got != want {
			t.Errorf("%s has mode %#o, want %#o", name, got, want)
		}
	}
}

// An overlay has as many layers as mount(2) takes, though fsconfig(2) would take fewer.
func TestManyLayers(t *testing.T) {
	script.Need(t, "overlay")
	dir := own(t)
	var lower []string
	for n := range 12 {
		layer := filepath.Join(dir, fmt.Sprint("a-layer-with-a-rather-long-name-", n))
		must(t, os.Mkdir(layer, 0o755), os.WriteFile(fmt.Sprint(layer, "/file", n), []byte("text"), 0o644))
		lower = append(lower, layer)
	}
	overlay := specs.Mount{Type: "overlay", Destination: "/m", Options: []string{"nosuid", "ro", "lowerdir=" + strings.Join(lower, ":")}}
	below := bind(lower[0], "/m")
	must(t, unix.Mount("", "/proc", "", unix.MS_SHARED, "")) // in the test's mount namespace, which is private by now
	before := mountinfo(t)
	for _, userns := range []bool{false, true} {
		for _, rootfs := range []string{"", "rshared"} {
			c := box{userns: userns, propagation: rootfs, mounts: []specs.Mount{proc(), below, overlay, tmpfs("/n")}}.run(t, dir)
			if m := c.mounts()["/m"]; m.kind != "overlay" || m.options != "ro,nosuid,relatime" {
				t.Errorf("it is %+v", m)
			}
			if !c.exists("/m/file0") || !c.exists("/m/file11") || !c.exists("/proc/1/stat") {
				t.Error("a file is missing")
			}
		}
	}
	if got := mountinfo(t); got != before {
		t.Errorf("the host's mounts were\n%s\nand are\n%s", before, got)
	}
	if _, err := (box{on: dir, mounts: []specs.Mount{overlay}}).try(t, dir); err == nil || !strings.Contains(err.Error(), "needs a mount namespace") {
		t.Errorf("got %v", err)
	}
	overlay.Options = append(overlay.Options, "x="+strings.Repeat("y", 4096))
	if _, err := (box{mounts: []specs.Mount{overlay}}).try(t, dir); err == nil || !strings.Contains(err.Error(), "longer than the 4095 bytes") {
		t.Errorf("got %v", err)
	}
}

func TestCopyUp(t *testing.T) {
	dir := own(t)
	data := filepath.Join(dir, "rootfs/data")
	must(t, os.MkdirAll(data+"/sub", 0o755), os.WriteFile(data+"/sub/file", []byte("text"), 0o640), os.Chown(data+"/sub", 100005, 100006), os.Chown(data+"/sub/file", 100000, 100000))
	for _, userns := range []bool{false, true} {
		c := box{userns: userns, mounts: []specs.Mount{tmpfs("/data", "tmpcopyup", "ro")}}.run(t, dir)
		if got := c.read("/data/sub/file"); got != "text" {
			t.Errorf("got %q", got)
		}
		if st := c.stat("/data/sub"); st.Uid != 100005 || st.Gid != 100006 {
			t.Errorf("it belongs to %d:%d", st.Uid, st.Gid)
		}
		if m := c.mounts()["/data"]; m.kind != "tmpfs" || !strings.HasPrefix(m.options, "ro") {
			t.Errorf("it is %+v", m)
		}
	}
}

// A read-only tmpfs can have mounts, devices and links in it.
func TestSeal(t *testing.T) {
	dir := own(t)
	c := box{mounts: []specs.Mount{tmpfs("/dev", "ro"), tmpfs("/dev/shm", "mode=1777")}, before: func(p *plan.Plan, root string) {
		Link(p, root, "cpu,cpuacct", "/sys/fs/cgroup/cpu")
	}}.run(t, dir)
	if got := c.mounts()["/dev"].options; !strings.HasPrefix(got, "ro") {
		t.Errorf("/dev is %s", got)
	}
	if err := c.write("/dev/shm"); err != nil {
		t.Error(err)
	}
	if st := c.stat("/sys/fs/cgroup/cpu"); st.Mode&unix.S_IFMT != unix.S_IFLNK {
		t.Errorf("the link has mode %#o", st.Mode)
	}
}

// What is mounted can be changed by a later entry, and what is in it can come after that.
func TestRemount(t *testing.T) {
	dir := own(t)
	source := filepath.Join(dir, "source")
	must(t, os.Mkdir(source, 0o755))
	for _, tc := range []struct {
		userns bool
		mounts []specs.Mount
		want   string
	}{
		{false, []specs.Mount{tmpfs("/m", "nosuid"), tmpfs("/m", "remount", "ro"), tmpfs("/m/in/it")}, "ro,nosuid,relatime"},
		{true, []specs.Mount{tmpfs("/m", "ro", "nosuid"), tmpfs("/m", "remount", "rw", "noatime", "suid")}, "rw,noatime"},
		{false, []specs.Mount{tmpfs("/m"), bind(source, "/m", "nodev"), bind("", "/m", "remount,ro"), bind("", "/m", "remount,rw,noexec")}, "rw,nodev,noexec,relatime"},
		{false, []specs.Mount{proc(), {Type: "proc", Destination: "/proc", Options: []string{"remount", "ro"}}, tmpfs("/m")}, "rw,relatime"},
	} {
		c := box{userns: tc.userns, mounts: tc.mounts}.run(t, dir)
		if got := c.mounts()["/m"].options; got != tc.want {
			t.Errorf("%v: got %s, want %s", tc.mounts, got, tc.want)
		}
		if got := c.mounts()["/proc"].options; got != "" && got != "ro,relatime" {
			t.Errorf("/proc is %s", got)
		}
	}
}

func TestIdmap(t *testing.T) {
	dir := own(t)
	disk, err := os.MkdirTemp("/var/tmp", "stave-test-") // of the machine's own filesystem
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(disk) })
	memory := filepath.Join(dir, "memory")
	must(t, os.Mkdir(memory, 0o755))
	ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 7000, Size: 100}}
	for _, source := range []string{disk, memory} {
		must(t, os.WriteFile(source+"/file", nil, 0o644), os.Chown(source+"/file", 3, 4))
		m := bind(source, "/m", "idmap")
		m.UIDMappings, m.GIDMappings = ids, ids
		again := rbind(source, "/again", "ridmap", "ro")
		again.UIDMappings, again.GIDMappings = ids, ids
		c, err := box{mounts: []specs.Mount{m, again}}.try(t, dir)
		if errors.Is(err, unix.EINVAL) {
			continue // not every filesystem can do it, and tmpfs only since Linux 6.3
		}
		must(t, err)
		for _, name := range []string{"/m/file", "/again/file"} {
			if st := c.stat(name); st.Uid != 7003 || st.Gid != 7004 {
				t.Errorf("%s in %s: belongs to %d:%d", name, source, st.Uid, st.Gid)
			}
		}
		// Without mappings of its own, the container's: outside it stays the same, inside the files belong to whom they did outside.
		elsewhere := m
		elsewhere.Destination = "/n"
		c = box{userns: true, mounts: []specs.Mount{bind(source, "/m", "idmap"), elsewhere}}.run(t, dir)
		if st := c.stat("/m/file"); st.Uid != 100003 || st.Gid != 100004 {
			t.Errorf("in a user namespace it belongs to %d:%d", st.Uid, st.Gid)
		}
		if st := c.stat("/n/file"); st.Uid != 7003 {
			t.Errorf("in a user namespace it belongs to %d", st.Uid)
		}
	}
	half := bind(memory, "/m")
	half.UIDMappings = ids
	for want, m := range map[string]specs.Mount{
		"both or neither": half, "needs uidMappings": bind(memory, "/m", "idmap"), "only a bind mount": tmpfs("/m", "idmap"),
	} {
		if _, err := (box{mounts: []specs.Mount{m}}).try(t, dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// What is for a filesystem, or for mount(8), has no meaning for a bind mount.
func TestGatherWarns(t *testing.T) {
	ignored := []string{"size=1", "acl", "nofail", "x-foo"}
	s, err := Gather(&plan.Plan{}, []specs.Mount{bind("/", "/x", ignored...)}, Options{IsDir: func(string) (bool, error) { return true, nil }})
	if err != nil || len(s.Warnings) != len(ignored) {
		t.Fatalf("got %v, %v", s, err)
	}
	for n, want := range ignored {
		if !strings.Contains(s.Warnings[n], "the option "+want+" ") {
			t.Errorf("got %s", s.Warnings[n])
		}
	}
}

func TestGatherRefuses(t *testing.T) {
	for want, m := range map[string]specs.Mount{
		"hide the whole container": tmpfs("/x/.."),
		"no type":                  {Destination: "/x"},
		"nothing but proc":         tmpfs("/proc"),
		"inside of /proc":          tmpfs("/proc/sys"),
		"tmpcopyup is for tmpfs":   {Type: "ramfs", Destination: "/x", Options: []string{"tmpcopyup"}},
		"an earlier entry":         tmpfs("/x", "remount", "ro"),
		"attributes of the mount":  tmpfs("/x", "remount", "size=1m"),
	} {
		_, err := Gather(&plan.Plan{}, []specs.Mount{m}, Options{IsDir: func(string) (bool, error) { return true, nil }})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// What is locked about a mount of the host stays, though a configuration asks to undo it; what isn't is undone.
func TestLockedFlags(t *testing.T) {
	dir := own(t)
	source := filepath.Join(dir, "source")
	plain := filepath.Join(dir, "plain")
	must(t, os.Mkdir(source, 0o755), os.Mkdir(plain, 0o755), unix.Mount("tmpfs", source, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, ""))
	c := box{userns: true, mounts: []specs.Mount{bind(source, "/m", "suid", "dev", "noexec"), bind(plain, "/n", "rw", "nosuid")}}.run(t, dir)
	for name, want := range map[string]string{"/m": "rw,nosuid,nodev,noexec,relatime", "/n": "rw,nosuid,relatime"} {
		if got := c.mounts()[name].options; got != want {
			t.Errorf("%s has %s, want %s", name, got, want)
		}
	}
}
