package main

import (
	"fmt"
	"os"
	"path/filepath"

	"stave/internal/vm/protocol"
)

// user is one whom tests run as. Both are in /etc/passwd.
type user struct {
	name string
	role string // in the names of environments: root-v2, user-v2
	uid  int
	gid  int
	home string
}

var (
	root    = user{name: "root", role: "root", uid: 0, gid: 0, home: "/root"}
	student = user{name: "student", role: "user", uid: 1000, gid: 1000, home: "/home/student"}
)

// runtime is $XDG_RUNTIME_DIR.
func (u user) runtime() string {
	if u.uid == 0 {
		return "/run"
	}
	return fmt.Sprintf("/run/user/%d", u.uid)
}

// toolbox is a root filesystem whose files are the user's.
func (u user) toolbox() string {
	if u == root {
		return protocol.ToolboxDir
	}
	return filepath.Join(u.home, "toolbox")
}

const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func (w *worker) environment(u user) []string {
	return []string{
		"PATH=" + path,
		"LANG=C.UTF-8",
		"HOME=" + u.home,
		"USER=" + u.name,
		"LOGNAME=" + u.name,
		"XDG_RUNTIME_DIR=" + u.runtime(),
		"STAVE_TOOLBOX=" + u.toolbox(),
		"STAVE_BUILT=" + protocol.BuiltDir,
		fmt.Sprintf("STAVE_SLOW=%d", w.plan.Slow),
	}
}

const cgroupRoot = "/sys/fs/cgroup"

// cgroup is where a user's processes start. As under systemd it is a leaf: user/session of a subtree of the user's own.
func (u user) cgroup() string { return filepath.Join(cgroupRoot, u.name, "session") }

// delegate lays out the cgroups as systemd does: all controllers are handed down to the users' subtrees, and the ordinary
// user's belongs to them. cgroups(7), "Cgroups v2 delegation: delegation containment".
func delegate() error {
	const controllers = "+cpu +cpuset +io +memory +pids"
	for _, u := range []user{root, student} {
		if err := os.MkdirAll(u.cgroup(), 0o755); err != nil {
			return err
		}
	}
	for _, dir := range []string{cgroupRoot, filepath.Dir(root.cgroup()), filepath.Dir(student.cgroup())} {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte(controllers), 0); err != nil {
			return err
		}
	}
	for _, dir := range []string{filepath.Dir(student.cgroup()), student.cgroup()} {
		for _, name := range []string{".", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"} {
			if err := os.Chown(filepath.Join(dir, name), student.uid, student.gid); err != nil {
				return err
			}
		}
	}
	return nil
}
