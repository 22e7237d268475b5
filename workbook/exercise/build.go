package exercise

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// CompileError is what the compiler has to say of an answer.
type CompileError struct{ Text string }

func (e *CompileError) Error() string { return "it doesn't compile:\n" + e.Text }

// BuiltName is what a program built from these files is called in the directory that STAVE_BUILT names: the SHA-256 of
// their names, lengths and contents.
func BuiltName(files Files) string {
	sum := sha256.New()
	for _, name := range files.Names() {
		fmt.Fprintln(sum, name, len(files[name]))
		sum.Write(files[name])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Prebuilt returns where a program built from these files is already, or "". There is one in the virtual machine of
// internal/vm, which has no compiler.
func Prebuilt(files Files) string {
	dir := os.Getenv("STAVE_BUILT")
	if dir == "" {
		return ""
	}
	path := filepath.Join(dir, BuiltName(files))
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// Build compiles a step made of these files to output. It happens in a module of its own, so whatever else is in the
// repository plays no part. A *CompileError is about the files.
func Build(ctx context.Context, root, step string, files Files, output string) error {
	module, err := os.MkdirTemp("", "stave-build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(module)
	cmd, err := Prepare(ctx, module, root, step, files, output)
	if err != nil {
		return err
	}
	return run(ctx, cmd)
}

// Prepare makes the module for Build in an empty directory, and returns the command that compiles it.
func Prepare(ctx context.Context, module, root, step string, files Files, output string) (*exec.Cmd, error) {
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(module, name), text, 0o600); err != nil {
			return nil, err
		}
	}
	dir := filepath.Join(module, "steps", step)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return nil, err
		}
	}
	return goCommand(ctx, module, []string{"CGO_ENABLED=0"}, "build", quick, "-o", output, "./steps/"+step)
}

// quick leaves out the debugging information, and with it half of the time that linking takes.
const quick = "-ldflags=-s -w"

// BuildAt compiles the program in dir, below root, to output. The compiler names the files where they are, and being asked for
// what "go build" by hand asks for, it has compiled most packages before.
func BuildAt(ctx context.Context, root, dir, output string) error {
	cmd, err := goCommand(ctx, root, nil, "build", quick, "-o", output, "./"+dir)
	if err != nil {
		return err
	}
	return run(ctx, cmd)
}

// BuildTest compiles the tests of the step in dir, below root, to output. Started as step, that is the step as its tests
// have it: in those of step 06 it has a registry inside.
func BuildTest(ctx context.Context, root, dir, output string) error {
	cmd, err := goCommand(ctx, root, nil, "test", "-c", "-o", output, "./"+dir)
	if err != nil {
		return err
	}
	return run(ctx, cmd)
}

func goCommand(ctx context.Context, module string, env []string, verb string, args ...string) (*exec.Cmd, error) {
	tool, err := goTool()
	if err != nil {
		return nil, err
	}
	// A learner's git may refuse to look at a clone of somebody else's.
	cmd := exec.CommandContext(ctx, tool, append([]string{verb, "-mod=readonly", "-buildvcs=false"}, args...)...)
	cmd.Dir = module
	cmd.Env = append(append(os.Environ(), "GOWORK=off"), env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // it then removes its temporary files
	return cmd, nil
}

func run(ctx context.Context, cmd *exec.Cmd) error {
	complaint, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return Uncompiled(string(complaint))
	}
	return err
}

// Uncompiled is an error with what the go command has printed, without its line "# stave/work/01.1".
func Uncompiled(complaint string) *CompileError {
	if first, rest, ok := strings.Cut(complaint, "\n"); ok && strings.HasPrefix(first, "# ") {
		complaint = rest
	}
	return &CompileError{Text: strings.TrimSpace(complaint)}
}

// goTool finds the go command, which sudo tends to drop from PATH, also where go's own installer puts it.
func goTool() (string, error) {
	if path, err := exec.LookPath("go"); err == nil {
		return path, nil
	}
	const usual = "/usr/local/go/bin/go"
	if _, err := os.Stat(usual); !errors.Is(err, fs.ErrNotExist) {
		return usual, nil
	}
	return "", errors.New(`the go command is not in PATH, and exercises are built with it: with sudo, try sudo env "PATH=$PATH" …`)
}
