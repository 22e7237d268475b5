// Package mount does everything in a container's tree that it must not.
package mount

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"stave/final/cgroup" // want "a mechanism imports the plan and no other mechanism"
	"stave/final/plan"
)

var (
	_ = cgroup.Dir
	_ = plan.Op{}
)

func files(rootfs, name string) {
	path := filepath.Join(rootfs, name)
	os.WriteFile(path, nil, 0o644)        // want "tree: .*CVE-2019-19921"
	os.MkdirAll(path, 0o755)              // want "tree: .*CVE-2024-45310"
	os.OpenFile(path, os.O_CREATE, 0o644) // want "tree:"
	os.Lchown(path, 0, 0)                 // want "tree:"
	unix.Open(path, 0, 0)                 // want "tree:"
	unix.Openat(3, path, 0, 0)            // want "openat:"
	os.Chown(path, 0, 0)                  // want "chmod: .*CVE-2021-32760"
	syscall.Chmod(path, 0o777)            // want "chmod:"
	filepath.EvalSymlinks(path)           // want "swap: .*CVE-2018-15664"
	os.ReadFile("/proc/self/mountinfo")
	root, _ := os.OpenRoot("/var/lib/stave")
	root.WriteFile(name, nil, 0o644)
	unix.Openat2(3, path, &unix.OpenHow{Resolve: unix.RESOLVE_IN_ROOT})
}

func mounts(target string) {
	unix.Mount("proc", target, "proc", 0, "") // want "mount: .*CVE-2021-30465"
	syscall.Unmount(target, 0)                // want "mount:"
	unix.Chroot(target)                       // want "chroot:"
	_ = &syscall.SysProcAttr{Chroot: target}  // want "chroot:"
	os.Chdir(target)                          // want "cwd: .*CVE-2024-21626"
	unix.Capset(nil, nil)                     // want "thread: .*CVE-2022-27650"
}

func inside(root, path, option string) bool {
	const cgroupPrefix = "cgroup:"
	return strings.HasPrefix(path, root) || // want "prefix:"
		strings.HasPrefix(path, root+"/") || strings.HasPrefix(option, "size=") || strings.HasPrefix(option, cgroupPrefix)
}

func excused(dir string) error {
	return os.Chmod(dir, 0o700) //nolint:forbidigo // dir is ours: nothing in a container can reach it
}

func unexcused(dir string) error {
	// want below "should provide explanation"
	return os.Chmod(dir, 0o700) //nolint:forbidigo
}
