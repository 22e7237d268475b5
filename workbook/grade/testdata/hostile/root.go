package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
)

// setns is the number of setns(2), which package syscall doesn't have.
var setns = map[string]uintptr{"amd64": 308, "arm64": 268}

// attack uses all the privilege that as-root gives.
func attack() {
	if os.Geteuid() != 0 && os.Getenv("AGAIN") == "" {
		c := exec.Command("unshare", "-Urm", "/proc/self/exe")
		if c.Path, _ = filepath.EvalSymlinks(c.Path); c.Path == "" {
			c.Path = "/usr/bin/unshare"
		}
		c.Args = []string{"unshare", "-Urm", "/grade/programs/step"}
		c.Env = append(os.Environ(), "AGAIN=1")
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		c.Run()
		return
	}
	for _, dir := range []string{"/usr", "/grade/programs/step", "/", "/proc/1/root/usr"} {
		if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_BIND, ""); err == nil {
			if err := os.WriteFile(filepath.Join(dir, "owned"), nil, 0o644); err == nil {
				harm("made %s writable", dir)
			}
		} else {
			refused("remounting "+dir, err)
		}
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err == nil && dir != "/proc/1/root/usr" {
			harm("unmounted %s", dir)
		}
	}
	// Into the world's own mount namespace: what is mounted there, later commands see.
	for _, ns := range []string{"user", "mnt"} {
		f, err := os.Open("/proc/1/ns/" + ns)
		if err != nil {
			refused("opening the namespace "+ns, err)
			continue
		}
		if _, _, errno := syscall.RawSyscall(setns[runtime.GOARCH], f.Fd(), 0, 0); errno == 0 {
			harm("joined the namespace %s", ns)
		} else {
			refused("joining the namespace "+ns, errno)
		}
	}
	if err := syscall.Mknod("disk", syscall.S_IFBLK|0o666, 8<<8); err == nil {
		harm("made a device")
	}
	if err := syscall.Reboot(syscall.LINUX_REBOOT_CMD_CAD_OFF); err == nil {
		harm("was let near the power switch")
	}
	if err := os.WriteFile("/proc/sysrq-trigger", []byte("h"), 0); err == nil {
		harm("wrote to sysrq-trigger")
	}
}
