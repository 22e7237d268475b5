package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// Options of Build. The zero value makes a root filesystem for this machine, silently.
type Options struct {
	Arch string    // as GOARCH has it, "amd64" or "arm64"; empty means this machine's
	Log  io.Writer // told what is being done, where that takes long; nil for silence
}

func (o Options) arch() string {
	if o.Arch == "" {
		return runtime.GOARCH
	}
	return o.Arch
}

func (o Options) logf(format string, args ...any) {
	if o.Log != nil {
		fmt.Fprintf(o.Log, format+"\n", args...)
	}
}

// ErrNotEmpty is returned, wrapped, by Build for a directory with something in it.
var ErrNotEmpty = errors.New("not empty")

// Build makes a root filesystem at dir, which must not exist or be empty. It is made under another name beside dir and
// then renamed, so dir is whole whenever it is there, and a Build that fails or is cancelled leaves nothing.
func Build(ctx context.Context, dir string, opts Options) error {
	if arch := opts.arch(); arch != "amd64" && arch != "arm64" {
		return fmt.Errorf("making a root filesystem for %q: only amd64 and arm64 are known", arch)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("making a root filesystem: %w", err)
	}
	if err := vacant(dir); err != nil {
		return fmt.Errorf("making a root filesystem: %w", err)
	}
	parent, name := filepath.Split(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fmt.Errorf("making a root filesystem: %w", err)
	}
	partial, err := os.MkdirTemp(parent, "."+name+".partial-")
	if err != nil {
		return fmt.Errorf("making a root filesystem: %w", err)
	}
	defer os.RemoveAll(partial) // after the rename there is nothing left to remove

	if err := fill(ctx, partial, opts); err != nil {
		return fmt.Errorf("making a root filesystem at %s: %w", dir, err)
	}
	// rename(2) replaces an empty directory and refuses one that has been filled since. os.Rename refuses both.
	if err := syscall.Rename(partial, dir); err != nil {
		return fmt.Errorf("making a root filesystem: renaming %s to %s: %w", partial, dir, err)
	}
	return nil
}

// vacant returns nil if dir does not exist or is an empty directory.
func vacant(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s: %w: name a directory that doesn't exist yet, or empty this one", dir, ErrNotEmpty)
	}
	return nil
}

func fill(ctx context.Context, dir string, opts Options) error {
	if err := layOut(dir); err != nil {
		return err
	}
	binary := filepath.Join(dir, "bin", "toolbox")
	if err := putBinary(ctx, binary, opts); err != nil {
		return err
	}
	// Last, because cancelling must win over a build that happened to finish.
	if err := ctx.Err(); err != nil {
		return err
	}
	return os.Chmod(binary, 0o755)
}
