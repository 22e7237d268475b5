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
		if d.Name() == ".git" {
			return fs.SkipDir
		}
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		inside := filepath.Join(protocol.SourceDir, strings.TrimPrefix(path, s.module))
		return copyFile(path, filepath.Join(s.root, inside), info.Mode()|0o444)
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

// addTests compiles the tests of those packages (patterns as go list has them) that have any.
func (s system) addTests(ctx context.Context, patterns []string) ([]protocol.Test, error) {
	list := exec.CommandContext(ctx, "go", append([]string{"list", "-f", "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}"}, patterns...)...)
	list.Dir, list.Stderr = s.module, os.Stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("looking for packages with tests: go list: %w", err)
	}
	var tests []protocol.Test
	for line := range strings.Lines(string(out)) {
		pkg, dir, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue
		}
		test := protocol.Test{
			Package: pkg,
			Dir:     filepath.Join(protocol.SourceDir, strings.TrimPrefix(dir, s.module)),
			Binary:  filepath.Join(protocol.TestsDir, strings.ReplaceAll(pkg, "/", "_")+".test"),
		}
		if err := s.compile(ctx, filepath.Join(s.root, test.Binary), "test", "-c", pkg); err != nil {
			return nil, err
		}
		tests = append(tests, test)
	}
	if len(tests) == 0 {
		return nil, fmt.Errorf("no tests in %s", strings.Join(patterns, " "))
	}
	return tests, nil
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
	args := []string{"mkfs.ext4", "-q", "-F", "-d", s.root, "-E", "root_owner=0:0,lazy_itable_init=1", image, size}
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

// initramfs writes what the kernel starts from: init and the modules, numbered in the order of loading.
func (s system) initramfs(file, modules string) error {
	order, err := loadOrder(modules, wantedModules)
	if err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	archive := cpioWriter{w: f}
	for _, dir := range []string{"dev", "proc", "sys", "system", "modules"} {
		archive.directory(dir)
	}
	program, err := os.ReadFile(filepath.Join(s.root, "usr/sbin/init"))
	if err != nil {
		return err
	}
	archive.program("init", program)
	for i, module := range order {
		content, err := os.ReadFile(module)
		if err != nil {
			return err
		}
		archive.program(fmt.Sprintf("modules/%03d-%s", i, filepath.Base(module)), content)
	}
	if err := archive.close(); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return f.Close()
}
