package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const disk = "/dev/vda"

// Start is what /init does first, inside: it loads the modules of the Initramfs and makes the disk the root, with /dev,
// /proc and /sys mounted. pivot_root(2) refuses to leave the initramfs, so that containers couldn't be made with it as the
// root: the disk takes its place, as on real machines.
func Start() error {
	for _, m := range []struct{ kind, target string }{{"devtmpfs", "/dev"}, {"proc", "/proc"}, {"sysfs", "/sys"}} {
		if err := unix.Mount(m.kind, m.target, m.kind, 0, ""); err != nil {
			return fmt.Errorf("mounting %s: %w", m.target, err)
		}
	}
	modules, err := filepath.Glob("/modules/*.ko") // in the order of their numbers
	if err != nil {
		return err
	}
	for _, module := range modules {
		if err := load(module); err != nil {
			return fmt.Errorf("loading %s: %w", module, err)
		}
	}
	if err := waitFor(disk); err != nil {
		return err
	}
	if err := unix.Mount(disk, "/system", "ext4", 0, ""); err != nil {
		return fmt.Errorf("mounting %s: %w", disk, err)
	}
	for _, dir := range []string{"/dev", "/proc", "/sys"} {
		if err := unix.Mount(dir, "/system"+dir, "", unix.MS_MOVE, ""); err != nil {
			return fmt.Errorf("moving %s: %w", dir, err)
		}
	}
	if err := unix.Chdir("/system"); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("moving the disk to /: %w", err)
	}
	return unix.Chroot(".")
}

func load(module string) error {
	f, err := os.Open(module)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.FinitModule(int(f.Fd()), "", 0)
}

// waitFor a device, which comes a moment after its driver.
func waitFor(device string) error {
	deadline := time.Now().Add(30 * time.Second)
	for {
		_, err := os.Stat(device)
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}
