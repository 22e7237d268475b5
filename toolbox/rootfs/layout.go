package rootfs

import (
	"io/fs"
	"os"
	"path/filepath"
)

// directories of the root filesystem, parents first; see hier(7).
var directories = []struct {
	path string
	mode fs.FileMode
}{
	{"bin", 0o755},
	{"dev", 0o755},
	{"etc", 0o755},
	{"home", 0o755},
	{"home/student", 0o755},
	{"mnt", 0o755},
	{"opt", 0o755},
	{"proc", 0o555},
	{"root", 0o700},
	{"run", 0o755},
	{"srv", 0o755},
	{"sys", 0o555},
	{"tmp", 0o777 | fs.ModeSticky},
	{"usr", 0o755},
	{"usr/share", 0o755},
	{"var", 0o755},
	{"var/cache", 0o755},
	{"var/lib", 0o755},
	{"var/log", 0o755},
	{"var/tmp", 0o777 | fs.ModeSticky},
}

// links beside those of the commands. Everything is in /bin, and found where scripts look for it.
var links = []struct{ path, target string }{
	{"sbin", "bin"},
	{"usr/bin", "../bin"},
	{"usr/sbin", "../bin"},
	{"var/run", "../run"},
	{"etc/mtab", "../proc/self/mounts"},
}

// files of /etc. There is no resolv.conf: what belongs in it depends on the network the container is given.
var files = []struct{ path, content string }{
	{"etc/passwd", `root:x:0:0:root:/root:/bin/sh
student:x:1000:1000:student:/home/student:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/bin/false
`},
	{"etc/group", `root:x:0:
tty:x:5:
student:x:1000:
nogroup:x:65534:
`},
	{"etc/hosts", `127.0.0.1	localhost
::1	localhost ip6-localhost ip6-loopback
`},
	{"etc/nsswitch.conf", `passwd: files
group: files
hosts: files dns
`},
	{"etc/os-release", `NAME="Stave toolbox"
PRETTY_NAME="Stave toolbox"
ID=stave-toolbox
`},
	{"etc/profile", `export PATH=/bin
`},
}

// layOut makes all of the root filesystem under dir but its binary. Modes are set apart from the making, or the
// caller's umask would have a say in them.
func layOut(dir string) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	for _, d := range directories {
		path := filepath.Join(dir, d.path)
		if err := os.Mkdir(path, 0o700); err != nil {
			return err
		}
	}
	for _, f := range files {
		path := filepath.Join(dir, f.path)
		if err := os.WriteFile(path, []byte(f.content), 0o644); err != nil {
			return err
		}
		if err := os.Chmod(path, 0o644); err != nil {
			return err
		}
	}
	for _, l := range links {
		if err := os.Symlink(l.target, filepath.Join(dir, l.path)); err != nil {
			return err
		}
	}
	for _, name := range Commands() {
		if err := os.Symlink("toolbox", filepath.Join(dir, "bin", name)); err != nil {
			return err
		}
	}
	// The directories' modes come last: /proc and /sys are not writable, and an ordinary user is bound by that.
	for _, d := range directories {
		if err := os.Chmod(filepath.Join(dir, d.path), d.mode); err != nil {
			return err
		}
	}
	return nil
}
