package grade

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"stave/final/plan"
	"stave/final/runtime"
	"stave/final/security"
	"stave/internal/script"
)

// etc is the little configuration that programs expect.
var etc = map[string]string{
	"passwd": "root:x:0:0:root:/work:/bin/sh\nstudent:x:1000:1000:student:/work:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
	"group":  "root:x:0:\nstudent:x:1000:\nnogroup:x:65534:\n",
	"hosts":  "127.0.0.1 localhost\n::1 localhost\n",

	"nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
	"resolv.conf":   "",
}

// system is where this machine's programs and libraries are. On most machines all but the first are links into it.
var system = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}

// root is the directory that is / in the sandbox, and read-only there.
func (s *sandbox) root() string { return filepath.Join(s.dir, "root") }

// inside is where a path of the sandbox is out here.
func (s *sandbox) inside(name string) string { return filepath.Join(s.root(), name) }

// furnish makes the sandbox's root.
func (s *sandbox) furnish(ctx context.Context) error {
	for _, dir := range []string{"proc", "sys", "dev", "run", "etc", "etc/alternatives", workDir, privateDir, programsDir, frontDir, toolsDir, filesDir} {
		if err := os.MkdirAll(s.inside(dir), 0o755); err != nil {
			return err
		}
	}
	for name, text := range etc {
		if err := os.WriteFile(s.inside("etc/"+name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	if cache, err := os.ReadFile("/etc/ld.so.cache"); err == nil { // ld.so(8)
		if err := os.WriteFile(s.inside("etc/ld.so.cache"), cache, 0o644); err != nil {
			return err
		}
	}
	for _, dir := range system {
		if target, err := os.Readlink(dir); err == nil {
			if err := os.Symlink(target, s.inside(dir)); err != nil {
				return err
			}
		} else if err := os.Mkdir(s.inside(dir), 0o755); err != nil {
			return err
		}
	}
	if err := s.putProgram(); err != nil {
		return err
	}
	if err := s.putToolbox(ctx); err != nil {
		return err
	}
	return filepath.WalkDir(s.inside(toolboxDir), func(name string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(name, s.uid, s.gid))
	})
}

// putToolbox copies the root filesystem that checks have; see internal/script.
func (s *sandbox) putToolbox(ctx context.Context) error {
	made, err := script.Toolbox()
	if err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, "cp", "-a", made, s.inside(toolboxDir)).CombinedOutput(); err != nil {
		return fmt.Errorf("copying %s: %w\n%s", made, err, out)
	}
	return nil
}

// putProgram puts this program into the sandbox, and links for the checker to all others there are.
func (s *sandbox) putProgram() error {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer self.Close()
	program, err := os.OpenFile(s.inside(checkProgram), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(program, self)
	if err := errors.Join(err, program.Chmod(0o755), program.Close()); err != nil {
		return err
	}
	for _, name := range []string{pauseProgram, launchProgram, asRootProgram, asUserProgram} {
		if err := os.Link(s.inside(checkProgram), s.inside(name)); err != nil {
			return err
		}
	}
	for _, file := range []string{stepProgram, scriptFile} { // for a mount
		if err := os.WriteFile(s.inside(file), nil, 0o644); err != nil {
			return err
		}
	}
	for _, name := range []string{"step", "as-root", "as-user"} {
		for _, dir := range []string{frontDir, toolsDir} {
			if err := os.Symlink(launchProgram, s.inside(path.Join(dir, name))); err != nil {
				return err
			}
		}
	}
	return s.linkTools()
}

func (s *sandbox) linkTools() error {
	for _, dir := range filepath.SplitList(worldPath) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // not on this machine
		}
		for _, e := range entries {
			err := os.Symlink(launchProgram, s.inside(path.Join(toolsDir, e.Name())))
			if err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
		}
	}
	return nil
}

// plan makes the list for one check. The cgroups have to be removed after it.
func (s *sandbox) plan(program, checkDir string, patience time.Duration) (p *plan.Plan, cgroups []string, err error) {
	s.runs++
	name := fmt.Sprintf("%s%d-%d", cgroupPrefix, os.Getpid(), s.runs)
	c := runtime.Container{ID: name, Spec: s.spec(patience), DieWithParent: true, Stdio: [3]string{"channel", "said", "said"}}
	c.Spec.Mounts = append(c.Spec.Mounts, bound(program, stepProgram), bound(filepath.Join(checkDir, path.Base(scriptFile)), scriptFile),
		bound(filepath.Join(checkDir, path.Base(filesDir)), filesDir))
	// A first plan only says which cgroups there will be: they are mounted in the second.
	first, err := c.Plan(s.host)
	if err != nil {
		return nil, nil, err
	}
	var more plan.Plan
	cgroups = first.Cgroup.Dirs()
	cgroups = append(cgroups, extend(&more, s.host.Cgroups, name, cgroups, s.host.Privileged)...)
	host := s.host
	host.IsDir = func(path string) (bool, error) { return slices.Contains(cgroups, path) || isDir(path), nil }
	c.Spec.Mounts = append(c.Spec.Mounts, s.cgroupMounts(cgroups)...)
	planned, err := c.Plan(host)
	if err != nil {
		return nil, nil, err
	}
	if s.host.Privileged {
		hand(&more, cgroups, s.uid, s.gid)
	}
	for _, dir := range cgroups[len(first.Cgroup.Dirs()):] {
		join(&more, filepath.Join(dir, "cgroup.procs"))
	}
	return insert(planned.Plan, more), cgroups, nil
}

// insert puts operations of the parent right after clone and before the child is put into its cgroups.
func insert(p *plan.Plan, more plan.Plan) *plan.Plan {
	at := 1 + slices.IndexFunc(p.Ops, func(op plan.Op) bool { return op.Calls[0].Clones() })
	return &plan.Plan{Ops: slices.Insert(p.Ops, at, more.Ops...)}
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// spec is the sandbox's configuration.
func (s *sandbox) spec(patience time.Duration) *specs.Spec {
	all := &specs.LinuxCapabilities{Bounding: security.AllCapabilities(), Effective: security.AllCapabilities(), Permitted: security.AllCapabilities()}
	c := &specs.Spec{
		Version:  specs.Version,
		Root:     &specs.Root{Path: s.root(), Readonly: true},
		Hostname: "grade",
		Process: &specs.Process{
			Args: []string{checkProgram, patience.String()}, Cwd: "/",
			NoNewPrivileges: true, Capabilities: all, Rlimits: []specs.POSIXRlimit{{Type: "RLIMIT_CORE"}, {Type: "RLIMIT_DATA", Soft: 2 * mostMemory, Hard: 2 * mostMemory}},
		},
		Linux: &specs.Linux{
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.UserNamespace}, {Type: specs.MountNamespace}, {Type: specs.PIDNamespace}, {Type: specs.IPCNamespace},
				{Type: specs.UTSNamespace}, {Type: specs.NetworkNamespace}, {Type: specs.CgroupNamespace},
			},
			UIDMappings: []specs.LinuxIDMapping{{ContainerID: 0, HostID: uint32(s.uid), Size: 1}},
			GIDMappings: []specs.LinuxIDMapping{{ContainerID: 0, HostID: uint32(s.gid), Size: 1}},
			Resources:   s.limits,
		},
	}
	for _, name := range []string{"STAVE_SLOW", "LANG"} {
		if value, ok := os.LookupEnv(name); ok {
			c.Process.Env = append(c.Process.Env, name+"="+value)
		}
	}
	// Nothing of /proc or /sys is covered, or the kernel would not let the steps mount them: mount_namespaces(7). What can be done
	// with them is what any unprivileged user can.
	c.Mounts = []specs.Mount{
		{Type: "proc", Destination: "/proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Type: "sysfs", Destination: "/sys", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
		{Type: "tmpfs", Destination: "/dev", Options: []string{"nosuid", "mode=755", "size=64k"}},
		{Type: "devpts", Destination: "/dev/pts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
		{Type: "tmpfs", Destination: "/dev/shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=16m"}},
		{Type: "tmpfs", Destination: privateDir, Options: []string{"nosuid", "nodev", "mode=1777", "size=64m"}},
		{Type: "tmpfs", Destination: workDir, Options: []string{"nosuid", "nodev", "mode=755", "size=512m", "nr_inodes=50000"}},
	}
	for _, dir := range append(slices.Clone(system), "/etc/alternatives") {
		if info, err := os.Lstat(dir); err == nil && info.IsDir() {
			c.Mounts = append(c.Mounts, bound(dir, dir))
		}
	}
	return c
}

// bound is something of this machine, for reading.
func bound(source, destination string) specs.Mount {
	return specs.Mount{Type: "bind", Source: source, Destination: destination, Options: []string{"rbind", "rprivate", "rro", "rnosuid", "rnodev"}}
}

// cgroupMounts show the sandbox its own cgroups where steps look for them, and no others.
func (s *sandbox) cgroupMounts(dirs []string) []specs.Mount {
	options := []string{"bind", "nosuid", "nodev", "noexec"}
	if len(dirs) == 0 {
		return nil
	}
	if s.host.Cgroups.Unified() {
		return []specs.Mount{{Type: "bind", Source: dirs[0], Destination: cgroupsDir, Options: options}}
	}
	list := []specs.Mount{{Type: "tmpfs", Destination: cgroupsDir, Options: []string{"nosuid", "nodev", "noexec", "mode=755", "size=64k"}}}
	for _, h := range s.host.Cgroups.Hierarchies {
		for _, dir := range dirs {
			if within(h.Mount, dir) {
				list = append(list, specs.Mount{Type: "bind", Source: dir, Destination: path.Join(cgroupsDir, path.Base(h.Mount)), Options: options})
			}
		}
	}
	return list
}

func within(dir, name string) bool {
	rel, err := filepath.Rel(dir, name)
	return err == nil && filepath.IsLocal(rel)
}
