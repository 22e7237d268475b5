package rootfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// ErrNoSource is returned, wrapped, where the toolbox can neither be taken from the program nor be built.
var ErrNoSource = errors.New("the toolbox's source was not found: run from a checkout of stave, or use a release, which has the toolbox inside")

// checkout finds the directory of the module: where this file was compiled, or else the working directory or one
// above it.
func checkout() (string, error) {
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		if dir := filepath.Join(filepath.Dir(file), "..", ".."); isModule(dir) {
			return dir, nil
		}
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if isModule(dir) {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", ErrNoSource
		}
	}
}

func isModule(dir string) bool {
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil || !bytes.HasPrefix(mod, []byte("module stave\n")) {
		return false
	}
	_, err = os.Stat(filepath.Join(dir, "toolbox", "box"))
	return err == nil
}

// goBuild compiles a package of the module in dir to an executable at path: static, without debugging information,
// and the same whoever builds it.
func goBuild(ctx context.Context, module, path string, opts Options, args ...string) error {
	tool, err := goTool()
	if err != nil {
		return err
	}
	build := append([]string{"build", "-buildvcs=false", "-trimpath", "-ldflags=-s -w", "-o", path}, args...)
	cmd := exec.CommandContext(ctx, tool, build...)
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+opts.arch(), "GOWORK=off")
	// Let it remove its temporary files; SIGKILL would leave them.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	var complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &complaint, &complaint
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("go build: %w\n%s", err, strings.TrimSpace(complaint.String()))
	}
	return nil
}

// goTool finds the go command, which sudo tends to drop from PATH, also in the place go's own installer puts it.
func goTool() (string, error) {
	if path, err := exec.LookPath("go"); err == nil {
		return path, nil
	}
	const usual = "/usr/local/go/bin/go"
	if _, err := os.Stat(usual); err == nil {
		return usual, nil
	}
	return "", errors.New(`the go command is not in PATH, and the toolbox is built with it: with sudo, try sudo env "PATH=$PATH"`)
}
