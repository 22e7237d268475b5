package script

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// mayLimit reports whether this process may make a cgroup and set a limit of that controller, in v1 or v2. It looks and
// makes nothing.
func mayLimit(controller string) bool {
	mounts := cgroupMounts()
	for hierarchy, path := range ownCgroups() {
		mount, ok := mounts[hierarchy]
		if !ok {
			continue
		}
		if hierarchy == "" {
			if mayLimitV2(mount, path, controller) {
				return true
			}
		} else if slices.Contains(strings.Split(hierarchy, ","), controller) {
			return unix.Access(filepath.Join(mount, path), unix.W_OK) == nil
		}
	}
	return false
}

// mayLimitV2 looks from our own cgroup upwards for one below which another can be made: it hands the controller to its
// children, or can be told to, and we may move a process there. cgroups(7), "Cgroups v2 delegation".
func mayLimitV2(mount, path, controller string) bool {
	for {
		dir := filepath.Join(mount, path)
		if writable(dir, "", "cgroup.procs", "cgroup.subtree_control") && hasWord(dir, "cgroup.controllers", controller) &&
			(path == "/" || hasWord(dir, "cgroup.subtree_control", controller) || isEmpty(dir)) {
			return true
		}
		if path == "/" {
			return false
		}
		path = filepath.Dir(path)
	}
}

func writable(dir string, names ...string) bool {
	for _, name := range names {
		if unix.Access(filepath.Join(dir, name), unix.W_OK) != nil {
			return false
		}
	}
	return true
}

func hasWord(dir, file, word string) bool {
	data, err := os.ReadFile(filepath.Join(dir, file))
	return err == nil && slices.Contains(strings.Fields(string(data)), word)
}

// isEmpty reports whether no process sits in a cgroup itself. One that has some can't hand controllers on.
func isEmpty(dir string) bool {
	data, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	return err == nil && len(data) == 0
}

// ownCgroups maps each hierarchy to our place in it. A hierarchy is named by its v1 controllers as /proc/self/cgroup has
// them, "cpu,cpuacct"; v2's name is empty.
func ownCgroups() map[string]string {
	own := make(map[string]string)
	eachLine("/proc/self/cgroup", func(line string) {
		if fields := strings.SplitN(line, ":", 3); len(fields) == 3 {
			own[fields[1]] = fields[2]
		}
	})
	return own
}

// cgroupMounts maps each hierarchy to where it is mounted; see proc_pid_mountinfo(5).
func cgroupMounts() map[string]string {
	mounts := make(map[string]string)
	own := ownCgroups()
	eachLine("/proc/self/mountinfo", func(line string) {
		head, tail, ok := strings.Cut(line, " - ")
		fields, kind := strings.Fields(head), strings.Fields(tail)
		if !ok || len(fields) < 5 || len(kind) < 3 {
			return
		}
		switch kind[0] {
		case "cgroup2":
			mounts[""] = fields[4]
		case "cgroup":
			options := strings.Split(kind[2], ",")
			for hierarchy := range own {
				if hierarchy != "" && slices.Contains(options, strings.Split(hierarchy, ",")[0]) {
					mounts[hierarchy] = fields[4]
				}
			}
		}
	})
	return mounts
}

func eachLine(file string, f func(line string)) {
	r, err := os.Open(file)
	if err != nil {
		return
	}
	defer r.Close()
	for s := bufio.NewScanner(r); s.Scan(); {
		f(s.Text())
	}
}
