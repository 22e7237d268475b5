package main

import (
	"os"
	"path/filepath"
)

// attack makes cgroups and leaves them, and lifts its limits.
func attack() {
	dirs, _ := filepath.Glob("/sys/fs/cgroup/*")
	for _, dir := range append(dirs, "/sys/fs/cgroup") {
		if err := os.MkdirAll(filepath.Join(dir, "stave-owned", "below"), 0o755); err != nil {
			refused("making a cgroup in "+dir, err)
		}
		for _, name := range []string{"memory.max", "pids.max", "memory.limit_in_bytes", "cgroup.kill"} {
			for _, above := range []string{"..", "../.."} {
				f, err := os.OpenFile(filepath.Join(dir, above, name), os.O_WRONLY, 0)
				if err == nil {
					_, err = f.WriteString("1")
				}
				if err == nil {
					harm("wrote %s in %s of %s", name, above, dir)
				}
			}
		}
	}
}
