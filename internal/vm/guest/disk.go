package guest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
)

// MakeDisk makes an ext4 image of that size (as mkfs has it: "4G") with the content of a directory, all of it root's. Of
// the file only what is written takes space.
func MakeDisk(ctx context.Context, image, size, root string) error {
	args := []string{"mkfs.ext4", "-q", "-F", "-d", root, "-E", "root_owner=0:0,lazy_itable_init=1", image, size}
	if os.Geteuid() != 0 {
		// In the image the files must be root's, not ours.
		args = append([]string{"unshare", "--user", "--map-root-user"}, args...)
	}
	path := os.Getenv("PATH") + ":/usr/sbin:/sbin" // where Debian has mkfs, out of an ordinary user's way
	cmd := exec.CommandContext(ctx, "env", append([]string{"PATH=" + path}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("making a disk: mkfs.ext4 (Debian's package e2fsprogs): %w\n%s", err, out)
	}
	return nil
}
