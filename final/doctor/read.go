package doctor

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// read is the text of a file below /proc, /sys or /etc, or "" if there is none
// or it may not be read: what is not there is as informative as what is.
func read(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(text)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func release() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// mountPoint reports whether something is mounted on path, by the text of /proc/self/mountinfo.
func mountPoint(mountinfo, path string) bool {
	for line := range strings.Lines(mountinfo) {
		if field := strings.Fields(line); len(field) > 4 && field[4] == path {
			return true
		}
	}
	return false
}

// container names what this process is contained by, if that left a mark. Docker's can also be on a machine whose files
// were made from an image, but there nothing is mounted on /etc/hosts.
func container(mountinfo string) string {
	switch name := strings.TrimSpace(read("/run/systemd/container")); {
	case exists("/.dockerenv") && mountPoint(mountinfo, "/etc/hosts"):
		return "docker"
	case exists("/run/.containerenv"):
		return "podman"
	case name != "":
		return name
	default:
		return os.Getenv("container")
	}
}

// inUserNS reports whether some ids are unmapped. The first user namespace maps all of them; user_namespaces(7).
func inUserNS() bool {
	return strings.Join(strings.Fields(read("/proc/self/uid_map")), " ") != "0 0 4294967295"
}

// direct reports whether this process may make namespaces and mounts without a user namespace.
func (f *Facts) direct() bool {
	return f.CapEff&(1<<unix.CAP_SYS_ADMIN) != 0
}

// statusField is a number in the text of /proc/self/status; proc_pid_status(5).
func statusField(status, name string, base int) uint64 {
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			n, _ := strconv.ParseUint(strings.TrimSpace(value), base, 64)
			return n
		}
	}
	return 0
}

// parseIDRanges reads the text of /etc/subuid. Lines that newuidmap would pass over are passed over.
func parseIDRanges(text string) []IDRange {
	var ranges []IDRange
	for line := range strings.Lines(text) {
		field := strings.Split(strings.TrimSpace(line), ":")
		if len(field) != 3 {
			continue
		}
		start, err1 := strconv.ParseUint(field[1], 10, 32)
		count, err2 := strconv.ParseUint(field[2], 10, 32)
		if err1 == nil && err2 == nil && count > 0 {
			ranges = append(ranges, IDRange{field[0], start, count})
		}
	}
	return ranges
}

// privileged reports whether the program at path gets the privilege it needs when an ordinary user starts it.
func privileged(path string) bool {
	var fs unix.Statfs_t
	if unix.Statfs(path, &fs) != nil || fs.Flags&unix.ST_NOSUID != 0 {
		return false
	}
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	if info.Mode()&os.ModeSetuid != 0 {
		return true
	}
	_, err = unix.Getxattr(path, "security.capability", nil)
	return err == nil
}

// statDir describes path, or the directory in which it would be made.
func statDir(path string) Dir {
	for !exists(path) && path != "/" && path != "." {
		path = filepath.Dir(path)
	}
	d := Dir{Path: path}
	var fs unix.Statfs_t
	if d.Create = errno(unix.Statfs(path, &fs)); d.Create == 0 {
		d.FSType, d.NoExec = int64(fs.Type), fs.Flags&unix.ST_NOEXEC != 0
		d.Free = fs.Bavail * uint64(fs.Bsize)
	}
	return d
}
