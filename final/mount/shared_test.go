package mount

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func mountinfo(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/proc/thread-self/mountinfo")
	must(t, err)
	return string(b)
}

// A container without a mount namespace mounts among the host's, at one place: nothing of it is anywhere else meanwhile, whatever is shared, and nothing is left in the end.
func TestWithoutMountNamespace(t *testing.T) {
	dir := own(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.MkdirAll(in("host/sub"), 0o755), os.Mkdir(in("on"), 0o700), os.MkdirAll(in("rootfs/dev"), 0o755),
		unix.Mount("tmpfs", in("host/sub"), "tmpfs", 0, ""), os.WriteFile(in("host/sub/file"), nil, 0o644),
		os.Symlink(in("host"), in("rootfs/link")), os.WriteFile(in("rootfs/dev/null"), nil, 0o644), os.WriteFile(in("rootfs/secret"), []byte("secret"), 0o644),
		unix.Mount("/dev", "/dev", "", unix.MS_BIND|unix.MS_REC, ""), unix.Mount("", "/dev", "", unix.MS_SHARED, ""))
	before := mountinfo(t)
	b := box{on: in("on"), masked: []string{"/secret", "/proc/irq"}, readOnly: []string{"/proc/sys"}, readOnlyRoot: true, mounts: []specs.Mount{
		proc(), tmpfs("/link/deeper"), rbind(in("host"), "/data", "rshared"),
	}}
	c := b.run(t, dir)

	if got := mountinfo(t); !strings.HasPrefix(got, before) {
		t.Errorf("the host's mounts were\n%s\nand are\n%s", before, got)
	}
	list := c.mounts() // by the names it has itself
	for name, m := range list {
		switch {
		case strings.HasPrefix(name, "/data"):
			if m.propagation != "shared" {
				t.Errorf("%s, which is to be shared, is %+v", name, m)
			}
		case m.propagation != "":
			t.Errorf("%s is %+v", name, m)
		}
	}
	for _, name := range []string{"/proc", "/proc/sys", "/proc/irq", "/dev/null", "/secret", in("host/deeper"), "/data/sub"} {
		if _, ok := list[name]; !ok {
			t.Errorf("nothing is mounted on %s: %v", name, list)
		}
	}
	if got := c.read("/secret"); got != "" {
		t.Errorf("it reads %q", got)
	}
	if err := c.write("/"); err != unix.EROFS {
		t.Errorf("writing to a read-only root gave %v", err)
	}
	must(t, os.WriteFile(in("rootfs/written"), nil, 0o644)) // by the host's own name it is as it was

	must(t, Detach(in("on")), Detach(in("on")), Detach(in("never")))
	if got := mountinfo(t); got != before {
		t.Errorf("the host's mounts were\n%s\nand are\n%s", before, got)
	}
	must(t, os.Remove(in("on")))
	if _, err := os.Stat(in("host/sub/file")); err != nil {
		t.Errorf("a mount of the host went with the container: %v", err)
	}
}
