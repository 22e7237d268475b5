package script

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// conditions by name, with what to tell someone whose machine doesn't fulfil one. Those with an argument, exec:NAME and
// cgroup:NAME, are in Holds and Reason.
var conditions = map[string]struct {
	holds  func() bool
	reason string
}{
	"root":     {isRoot, "this needs root: run the tests as root to see it"},
	"userns":   {sync.OnceValue(makesUserNamespace), `no user namespace can be made here ("unshare -Ur true" fails; stave doctor tells why)`},
	"subids":   {hasSubordinateIDs, "no subordinate ids: install newuidmap (Debian's package uidmap) and give this user a range in /etc/subuid and /etc/subgid"},
	"cgroup2":  {isPureCgroup2, "this machine has cgroup v1 controllers; this check is about one with cgroup v2 only"},
	"overlay":  {sync.OnceValue(mountsOverlay), "overlayfs can't be mounted here, not even in a user namespace (it takes Linux 5.11 or later)"},
	"apparmor": {loadsAppArmor, "this kernel has AppArmor disabled, or apparmor_parser is missing (Debian's package apparmor)"},
	"386":      {sync.OnceValue(runs386), "this kernel runs no programs of the 386 (CONFIG_IA32_EMULATION; some virtual machines have none)"},
	"source":   {hasSource, "only the test binaries are here, without Stave's source or the go command"},
}

// Holds reports whether a condition holds on this machine, for this process. The error is one of spelling.
func Holds(cond string) (bool, error) {
	if rest, ok := strings.CutPrefix(cond, "!"); ok {
		holds, err := Holds(rest)
		return !holds, err
	}
	if program, ok := strings.CutPrefix(cond, "exec:"); ok {
		_, err := exec.LookPath(program)
		return err == nil, nil
	}
	if controller, ok := strings.CutPrefix(cond, "cgroup:"); ok {
		return mayLimit(controller), nil
	}
	known, ok := conditions[cond]
	if !ok {
		return false, fmt.Errorf("unknown condition %q: internal/script/doc.go has the list", cond)
	}
	return known.holds(), nil
}

// Reason says in words that a condition doesn't hold, and what to do about it where something can be done.
func Reason(cond string) string {
	if program, ok := strings.CutPrefix(cond, "exec:"); ok {
		return fmt.Sprintf("the program %s is not installed", program)
	}
	if controller, ok := strings.CutPrefix(cond, "cgroup:"); ok {
		return fmt.Sprintf("no cgroup with the %s controller can be made here: it takes root, or a cgroup delegated to this user", controller)
	}
	if cond == "!root" {
		return "this check is about ordinary users: run the tests as one to see it"
	}
	if rest, ok := strings.CutPrefix(cond, "!"); ok {
		return fmt.Sprintf("this check is about machines without %q", rest)
	}
	return conditions[cond].reason
}

// isRoot tells the real root from one inside a user namespace, whose map of ids is not the whole range.
// user_namespaces(7), "User and group ID mappings".
func isRoot() bool {
	mapping, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && os.Geteuid() == 0 && strings.Join(strings.Fields(string(mapping)), " ") == "0 0 4294967295"
}

// makesUserNamespace tries it, down to a mount inside: where AppArmor restricts user namespaces, as on Ubuntu 24.04, one
// can be made but gives no privilege.
func makesUserNamespace() bool {
	return exec.Command("unshare", "--user", "--map-root-user", "--mount", "true").Run() == nil
}

func hasSubordinateIDs() bool {
	if _, err := exec.LookPath("newuidmap"); err != nil {
		return false
	}
	return hasRange("/etc/subuid") && hasRange("/etc/subgid")
}

// hasRange looks for this user, by name or number, in a file in the form of subuid(5).
func hasRange(file string) bool {
	uid := strconv.Itoa(os.Getuid())
	return anyLine(file, func(fields []string) bool { return fields[0] == uid || fields[0] == userName(uid) })
}

// userName is the name that passwd(5) has for a user; os/user would bring in the C library for it.
func userName(uid string) (name string) {
	anyLine("/etc/passwd", func(fields []string) bool {
		found := len(fields) > 2 && fields[2] == uid
		if found {
			name = fields[0]
		}
		return found
	})
	return name
}

// anyLine reports whether there is a line for which f, given what is between its colons, is true.
func anyLine(file string, f func(fields []string) bool) bool {
	data, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(strings.Split(string(data), "\n"), func(line string) bool {
		return line != "" && f(strings.Split(line, ":"))
	})
}

// mountsOverlay tries it, in a mount namespace that is gone right after.
func mountsOverlay() bool {
	dir, err := os.MkdirTemp("", "stave-overlay-")
	if err != nil {
		return false
	}
	defer os.RemoveAll(dir)
	for _, name := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			return false
		}
	}
	args := []string{"--mount"}
	options := fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", dir)
	if !isRoot() {
		args = append(args, "--user", "--map-root-user")
		options += ",userxattr"
	}
	args = append(args, "mount", "-t", "overlay", "-o", options, "overlay", filepath.Join(dir, "merged"))
	return exec.Command("unshare", args...).Run() == nil
}

// loadsAppArmor tells whether profiles can be loaded, as far as the machine is concerned.
func loadsAppArmor() bool {
	_, err := exec.LookPath("apparmor_parser")
	return err == nil && unix.Access("/sys/kernel/security/apparmor/.load", unix.F_OK) == nil
}

func isPureCgroup2() bool {
	var fs unix.Statfs_t
	err := unix.Statfs("/sys/fs/cgroup", &fs)
	return err == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC
}

// hasSource looks where the compiler found this very file.
func hasSource() bool {
	_, file, _, _ := runtime.Caller(0)
	if _, err := os.Stat(file); err != nil {
		return false
	}
	_, err := exec.LookPath("go")
	return err == nil
}
