//go:build !embed_toolbox

package rootfs

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Release builds the stave command at path, with the toolbox inside: it needs no Go toolchain to make a root
// filesystem. The toolbox's binary never becomes part of the source: it is compiled into the program by an overlay, by
// which the go command takes a file from elsewhere (see the -overlay flag in `go help build`).
func Release(ctx context.Context, path string, opts Options) error {
	module, err := checkout()
	if err != nil {
		return fmt.Errorf("building a release: %w", err)
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("building a release: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("building a release: %w", err)
	}
	work, err := os.MkdirTemp("", "stave-release-")
	if err != nil {
		return fmt.Errorf("building a release: %w", err)
	}
	defer os.RemoveAll(work)
	if err := release(ctx, module, work, path, opts); err != nil {
		return fmt.Errorf("building a release: %w", err)
	}
	return nil
}

func release(ctx context.Context, module, work, path string, opts Options) error {
	opts.logf("building the toolbox for %s", opts.arch())
	binary, packed := filepath.Join(work, "toolbox"), filepath.Join(work, "toolbox.gz")
	if err := goBuild(ctx, module, binary, opts, boxPackage); err != nil {
		return err
	}
	if err := compress(binary, packed); err != nil {
		return err
	}
	replace := map[string]map[string]string{
		"Replace": {filepath.Join(module, "toolbox", "rootfs", "toolbox.gz"): packed},
	}
	content, err := json.Marshal(replace)
	if err != nil {
		return err
	}
	overlay := filepath.Join(work, "overlay.json")
	if err := os.WriteFile(overlay, content, 0o600); err != nil {
		return err
	}
	key, err := version(module, opts.arch())
	if err != nil {
		return err
	}
	opts.logf("building stave with the toolbox inside")
	partial := path + ".partial"
	defer os.Remove(partial) // after the rename there is nothing left to remove
	if err := goBuild(ctx, module, partial, opts, "-tags=embed_toolbox", "-overlay="+overlay,
		"-ldflags=-s -w -X stave/toolbox/rootfs.key="+key, "stave/final"); err != nil {
		return err
	}
	return os.Rename(partial, path)
}

func compress(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	zip, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := io.Copy(zip, in); err != nil {
		return err
	}
	if err := zip.Close(); err != nil {
		return err
	}
	return out.Close()
}
