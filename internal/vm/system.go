package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"stave/internal/files"
	"stave/internal/vm/guest"
	"stave/internal/vm/protocol"
	"stave/toolbox/rootfs"
)

// system is a directory that becomes the virtual machine's disk.
type system struct {
	root   string // of that directory
	module string // directory of Stave's source
}

// etc is the little configuration that programs expect. The ordinary user has subordinate ids, as adduser gives them.
var etc = map[string]string{
	"etc/passwd": `root:x:0:0:root:/root:/bin/sh
student:x:1000:1000:student:/home/student:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
`,
	"etc/group": `root:x:0:
tty:x:5:
student:x:1000:
nogroup:x:65534:
`,
	"etc/subuid":        "student:100000:65536\n",
	"etc/subgid":        "student:100000:65536\n",
	"etc/hosts":         "127.0.0.1 localhost\n::1 localhost\n",
	"etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
	"etc/os-release":    "ID=debian\nPRETTY_NAME=\"Stave's virtual machine\"\n",
	// skopeo refuses to work without a policy.
	"etc/containers/policy.json": `{"default": [{"type": "insecureAcceptAnything"}]}` + "\n",
}

// build makes all of the system but the plan.
func (s system) build(ctx context.Context) error {
	for _, dir := range []string{"usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "dev", "proc", "sys", "run", "tmp", "root", "home/student", "mnt", "var/tmp", "etc"} {
		if err := os.MkdirAll(filepath.Join(s.root, dir), 0o755); err != nil {
			return err
		}
	}
	for _, dir := range []string{"bin", "sbin", "lib", "lib64"} {
		if err := symlink(s.root, dir, "usr/"+dir); err != nil {
			return err
		}
	}
	for name, content := range etc {
		if err := writeFile(s.root, name, content, 0o644); err != nil {
			return err
		}
	}
	if err := copyPrograms(ctx, s.root); err != nil {
		return err
	}
	if err := s.copySource(); err != nil {
		return fmt.Errorf("copying the source: %w", err)
	}
	if err := rootfs.Build(ctx, filepath.Join(s.root, protocol.ToolboxDir), rootfs.Options{Log: os.Stderr}); err != nil {
		return err
	}
	return s.compile(ctx, filepath.Join(s.root, "usr/sbin/init"), "build", "./internal/vm/init")
}

// copySource gives the tests their testdata, in directories that are laid out as here.
func (s system) copySource() error {
	return filepath.WalkDir(s.module, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == ".git" && d.IsDir() { // in a second working tree of git's it is a file
			return fs.SkipDir
		}
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		inside := filepath.Join(protocol.SourceDir, strings.TrimPrefix(path, s.module))
		return files.Copy(path, filepath.Join(s.root, inside), info.Mode()|0o444)
	})
}

// compile runs go build or go test -c for inside: without cgo, so that no library is missed, and without the debugging
// information, which is a third of the size.
func (s system) compile(ctx context.Context, output string, args ...string) error {
	verb, rest := args[:len(args)-1], args[len(args)-1]
	cmd := exec.CommandContext(ctx, "go", append(verb, "-ldflags=-w", "-o", output, rest)...)
	cmd.Dir = s.module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("compiling %s: %w\n%s", rest, err, out)
	}
	return nil
}

// addTests compiles the tests of those packages (patterns as go list has them) that have any; without patterns, of those
// that are to run inside.
func (s system) addTests(ctx context.Context, patterns []string) ([]protocol.Test, error) {
	chosen := len(patterns) > 0
	if !chosen {
		patterns = []string{"./..."}
	}
	list := exec.CommandContext(ctx, "go", append([]string{"list", "-f", "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}"}, patterns...)...)
	list.Dir, list.Stderr = s.module, os.Stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("looking for packages with tests: go list: %w", err)
	}
	var tests []protocol.Test
	compiling, ctx := errgroup.WithContext(ctx)
	compiling.SetLimit(2) // to link is half of it, and takes one processor
	for line := range strings.Lines(string(out)) {
		pkg, dir, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || !chosen && among(leftOut, pkg) {
			continue
		}
		test := protocol.Test{
			Package: pkg,
			Dir:     filepath.Join(protocol.SourceDir, strings.TrimPrefix(dir, s.module)),
			Binary:  filepath.Join(protocol.TestsDir, strings.ReplaceAll(pkg, "/", "_")+".test"),
			Once:    !chosen && among(asRootOnly, pkg),
			Alone:   among(alone, pkg),
			Short:   short[pkg],
		}
		compiling.Go(func() error { return s.compile(ctx, filepath.Join(s.root, test.Binary), "test", "-c", pkg) })
		tests = append(tests, test)
	}
	if err := compiling.Wait(); err != nil {
		return nil, err
	}
	if !chosen {
		onceForAllSteps(tests)
	}
	if len(tests) == 0 {
		return nil, fmt.Errorf("no tests in %s", strings.Join(patterns, " "))
	}
	return tests, nil
}

// transcripts is the package that runs what the book shows. There is no go command inside, so the programs that the book
// builds are compiled before.
const transcripts = "stave/workbook/book"

// bookPrograms are patterns of packages; those in them that are programs may be built in the book.
var bookPrograms = []string{"./steps/...", "./final", "./workbook", "./docs/...", "./internal/registry/..."}

// addPrograms compiles them into protocol.BuiltDir, under the name of their directory with _ for each slash.
func (s system) addPrograms(ctx context.Context) error {
	list := exec.CommandContext(ctx, "go", append([]string{"list", "-f", `{{if eq .Name "main"}}{{.ImportPath}}{{end}}`}, bookPrograms...)...)
	list.Dir, list.Stderr = s.module, os.Stderr
	out, err := list.Output()
	if err != nil {
		return fmt.Errorf("looking for the programs of the book: go list: %w", err)
	}
	for _, pkg := range strings.Fields(string(out)) {
		name := strings.ReplaceAll(strings.TrimPrefix(pkg, "stave/"), "/", "_")
		file := filepath.Join(s.root, protocol.BuiltDir, name)
		if pkg == "stave/final" {
			err = rootfs.Release(ctx, file, rootfs.Options{}) // it can't make the toolbox without the go command either
		} else {
			err = s.compile(ctx, file, "build", pkg)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// disk writes the system to an ext4 image, with the plan in it.
func (s system) disk(ctx context.Context, image string, plan protocol.Plan) error {
	text, err := json.MarshalIndent(plan, "", "\t")
	if err != nil {
		return err
	}
	if err := writeFile(s.root, protocol.PlanFile, string(text), 0o644); err != nil {
		return err
	}
	const size = "4G" // of holes, mostly
	return guest.MakeDisk(ctx, image, size, s.root)
}
