package guest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// kernelPackage is Debian's kernel for virtual machines. It depends on the package of the current version.
const kernelPackage = "linux-image-cloud-amd64"

// A Kernel is an unpacked kernel package.
type Kernel struct {
	Image   string // vmlinuz
	Modules string // directory with everything below /lib/modules
}

// FetchKernel downloads Debian's kernel and unpacks it into the user's cache. Nothing is installed: that would change how
// this machine boots.
func FetchKernel(ctx context.Context) (Kernel, error) {
	name, err := currentKernel(ctx)
	if err != nil {
		return Kernel{}, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return Kernel{}, err
	}
	dir := filepath.Join(cache, "stave", "vm", name)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := download(ctx, name, dir); err != nil {
			return Kernel{}, err
		}
	}
	images, err := filepath.Glob(filepath.Join(dir, "boot", "vmlinuz-*"))
	if err != nil {
		return Kernel{}, err
	}
	if len(images) != 1 {
		return Kernel{}, fmt.Errorf("the kernel package in %s is not whole: remove that directory and try again", dir)
	}
	return Kernel{Image: images[0], Modules: filepath.Join(dir, "lib", "modules")}, nil
}

// currentKernel asks which package kernelPackage stands for, such as linux-image-6.1.0-28-cloud-amd64.
func currentKernel(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "apt-cache", "depends", "--important", kernelPackage).Output()
	if err != nil {
		return "", fmt.Errorf("looking for Debian's kernel: apt-cache: %w: this needs Debian and its package lists (apt-get update)", err)
	}
	for line := range strings.Lines(string(out)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: "); ok && strings.HasPrefix(name, "linux-image-") {
			return name, nil
		}
	}
	return "", fmt.Errorf("looking for Debian's kernel: no %s in the package lists: run apt-get update", kernelPackage)
}

// download puts the package's content at dir, whole or not at all.
func download(ctx context.Context, name, dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	partial, err := os.MkdirTemp(filepath.Dir(dir), "."+name+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(partial)
	fmt.Fprintf(os.Stderr, "vm: downloading %s\n", name)
	if err := command(ctx, partial, "apt-get", "-q", "download", name); err != nil {
		return fmt.Errorf("downloading the kernel: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(partial, "*.deb"))
	if err != nil {
		return err
	}
	if len(files) != 1 {
		return fmt.Errorf("downloading the kernel: apt-get left %d packages, not one", len(files))
	}
	if err := command(ctx, partial, "dpkg-deb", "--extract", files[0], "content"); err != nil {
		return fmt.Errorf("unpacking the kernel: %w", err)
	}
	return os.Rename(filepath.Join(partial, "content"), dir)
}

// command runs a program in a directory, and says what it printed if it fails.
func command(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}
