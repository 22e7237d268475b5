//go:build !embed_toolbox

package rootfs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// boxPackage is the toolbox's binary.
const boxPackage = "stave/toolbox/box"

// putBinary builds the toolbox from the checkout's source.
func putBinary(ctx context.Context, path string, opts Options) error {
	module, err := checkout()
	if err != nil {
		return err
	}
	opts.logf("building the toolbox from %s (a few seconds; later at once)", filepath.Join(module, "toolbox"))
	return goBuild(ctx, module, path, opts, boxPackage)
}

// Version returns a key that changes whenever Build for this machine would make something else. It reads the source
// and runs nothing, which takes two or three milliseconds.
func Version() (string, error) {
	module, err := checkout()
	if err != nil {
		return "", err
	}
	return version(module, runtime.GOARCH)
}

func version(module, arch string) (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, runtime.Version(), arch)
	add := func(path string) error {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(module, path)
		if err != nil {
			return err
		}
		fmt.Fprintln(sum, name, len(content))
		sum.Write(content)
		return nil
	}
	// go.mod and go.sum stand for the modules the toolbox is built with.
	for _, name := range []string{"go.mod", "go.sum"} {
		if err := add(filepath.Join(module, name)); err != nil {
			return "", fmt.Errorf("reading the toolbox's source: %w", err)
		}
	}
	err := filepath.WalkDir(filepath.Join(module, "toolbox"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		return add(path)
	})
	if err != nil {
		return "", fmt.Errorf("reading the toolbox's source: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
