package mount

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/plan"
)

// Nothing of the host's tree is left, and nothing was mounted on the host.
func TestPivot(t *testing.T) {
	dir := own(t)
	before, err := os.ReadFile("/proc/thread-self/mountinfo")
	must(t, err)
	c := box{mounts: []specs.Mount{proc(), tmpfs("/dev")}, readOnlyRoot: true}.run(t, dir)
	list := c.mounts()
	if len(list) != 3 {
		t.Errorf("the container has the mounts %v", list)
	}
	if err := c.write("/"); err != unix.EROFS {
		t.Errorf("writing to a read-only root gave %v", err)
	}
	after, err := os.ReadFile("/proc/thread-self/mountinfo")
	must(t, err)
	if string(before) != string(after) {
		t.Errorf("on the host there is\n%s\nwhere before was\n%s", after, before)
	}
}

// Without pivot_root the old root stays beneath, but without proc and sysfs.
func TestMove(t *testing.T) {
	dir := own(t)
	must(t, os.WriteFile(filepath.Join(dir, "rootfs/file"), []byte("inside"), 0o644))
	c := box{noPivot: true, mounts: []specs.Mount{proc(), tmpfs("/dev")}}.run(t, dir)
	if got := c.read("/file"); got != "inside" {
		t.Errorf("got %q", got)
	}
	for name, m := range c.mounts() {
		if (m.kind == "proc" || m.kind == "sysfs") && name != "/proc" {
			t.Errorf("%s is still mounted on %s", m.kind, name)
		}
	}
	if got := c.mounts()["/proc"].kind; got != "proc" {
		t.Errorf("/proc is %q", got)
	}
}

func TestWorkingDir(t *testing.T) {
	dir := own(t)
	for _, name := range []string{"/", "/made/for/this"} {
		c := box{after: func(p *plan.Plan, _ string) { must(t, WorkingDir(p, name)) }}.run(t, dir)
		got, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", c.pid))
		if err != nil || got != name {
			t.Errorf("it is in %q, %v", got, err)
		}
	}
	if err := WorkingDir(&plan.Plan{}, "work"); err == nil {
		t.Error("a relative directory was taken")
	}
}

func TestDevices(t *testing.T) {
	dir := own(t)
	mode, seven := os.FileMode(0o620), uint32(7)
	list := []specs.LinuxDevice{
		{Type: "c", Path: "/dev/net/tun", Major: 10, Minor: 200, FileMode: &mode, UID: &seven, GID: &seven},
		{Type: "b", Path: "/dev/loop0", Major: 7, Minor: 0},
		{Type: "u", Path: "/dev/null", Major: 1, Minor: 3, FileMode: &mode},
		{Type: "p", Path: "/dev/pipe"},
		{Type: "c", Path: "/dev/ptmx", Major: 5, Minor: 2},
		{Type: "c", Path: "/outside", Major: 1, Minor: 5},
	}
	for range 2 { // the second time what is outside of /dev is there already
		c := box{mounts: []specs.Mount{tmpfs("/dev")}, devices: list}.run(t, dir)
		for name, want := range map[string][2]uint64{
			"/dev/net/tun": {unix.S_IFCHR | 0o620, unix.Mkdev(10, 200)},
			"/dev/loop0":   {unix.S_IFBLK | 0o666, unix.Mkdev(7, 0)},
			"/dev/null":    {unix.S_IFCHR | 0o620, unix.Mkdev(1, 3)},
			"/dev/pipe":    {unix.S_IFIFO | 0o666, 0},
			"/dev/ptmx":    {unix.S_IFLNK | 0o777, 0},
			"/dev/tty":     {unix.S_IFCHR | 0o666, unix.Mkdev(5, 0)},
			"/outside":     {unix.S_IFCHR | 0o666, unix.Mkdev(1, 5)},
		} {
			if st := c.stat(name); uint64(st.Mode) != want[0] || st.Rdev != want[1] {
				t.Errorf("%s has mode %#o and is %#x", name, st.Mode, st.Rdev)
			}
		}
		if st := c.stat("/dev/net/tun"); st.Uid != 7 || st.Gid != 7 {
			t.Errorf("it belongs to %d:%d", st.Uid, st.Gid)
		}
	}
	// In a user namespace they are the host's.
	c := box{userns: true, mounts: []specs.Mount{tmpfs("/dev")}, devices: []specs.LinuxDevice{{Type: "c", Path: "/dev/zero", Major: 1, Minor: 5}, {Type: "p", Path: "/dev/pipe"}}}.run(t, dir)
	for _, name := range []string{"/dev/null", "/dev/tty", "/dev/zero"} {
		if st := c.stat(name); st.Mode&unix.S_IFMT != unix.S_IFCHR || c.mounts()[name].kind == "" {
			t.Errorf("%s has mode %#o", name, st.Mode)
		}
	}
	// What is mounted on the name of a default device is there, unless it is covered by a later mount.
	for _, tc := range []struct {
		userns bool
		mounts []specs.Mount
		want   uint64
	}{
		{false, []specs.Mount{tmpfs("/dev"), bind("/dev/urandom", "/dev/random")}, unix.Mkdev(1, 9)},
		{true, []specs.Mount{tmpfs("/dev"), bind("/dev/urandom", "/dev/random")}, unix.Mkdev(1, 9)},
		{false, []specs.Mount{bind("/dev/urandom", "/dev/random"), tmpfs("/dev")}, unix.Mkdev(1, 8)},
	} {
		c := box{userns: tc.userns, mounts: tc.mounts}.run(t, dir)
		if st := c.stat("/dev/random"); st.Rdev != tc.want {
			t.Errorf("%+v: /dev/random is %#x", tc, st.Rdev)
		}
	}
	// A /dev of the host's is left alone.
	host := filepath.Join(dir, "devices")
	must(t, os.Mkdir(host, 0o755))
	box{mounts: []specs.Mount{rbind(host, "/dev")}, devices: list[:5]}.run(t, dir)
	if entries, err := os.ReadDir(host); err != nil || len(entries) != 0 {
		t.Errorf("the host's /dev has %v, %v", entries, err)
	}
}

func TestHide(t *testing.T) {
	dir := own(t)
	for _, userns := range []bool{false, true} {
		c := box{userns: userns, mounts: []specs.Mount{proc()}, masked: []string{"/proc/interrupts", "/proc/irq", "/proc/none"}, readOnly: []string{"/proc/sys", "/proc/uptime", "/none"}}.run(t, dir)
		list := c.mounts()
		if st := c.stat("/proc/interrupts"); st.Rdev != unix.Mkdev(1, 3) {
			t.Errorf("/proc/interrupts is %#x", st.Rdev)
		}
		if m := list["/proc/irq"]; m.kind != "tmpfs" || !strings.HasPrefix(m.options, "ro,nosuid,nodev,noexec") || c.exists("/proc/irq/0") {
			t.Errorf("/proc/irq is %+v", m)
		}
		for _, name := range []string{"/proc/sys", "/proc/uptime"} {
			if m := list[name]; m.kind != "proc" || !strings.HasPrefix(m.options, "ro,") {
				t.Errorf("%s is %+v", name, m)
			}
		}
	}
}
