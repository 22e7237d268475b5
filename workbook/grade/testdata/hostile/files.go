package main

import "os"

// attack reads and writes what isn't the student's: files of the machine, another student's, and the check's.
func attack() {
	for _, name := range []string{victim, otherStudent, "/root/.ssh/id_ed25519", "/etc/shadow", "/home"} {
		if _, err := os.ReadFile(name); err == nil {
			harm("read %s", name)
		} else {
			refused("reading "+name, err)
		}
	}
	for _, name := range []string{victim, otherStudent, "/grade/check", "/grade/check.txtar", "/grade/launch", "/grade/files/say.sh", "/grade/programs/step", "/usr/bin/cmp", "/usr/bin/owned", "/etc/passwd", "/toolbox/bin/sh"} {
		if err := os.WriteFile(name, []byte("owned"), 0o755); err == nil {
			harm("wrote %s", name)
		} else {
			refused("writing "+name, err)
		}
		if err := os.Remove(name); err == nil {
			harm("removed %s", name)
		}
	}
}
