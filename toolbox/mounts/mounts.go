// Package mounts reads the mounts of the mount namespace the caller is in, for mount, umount and df.
package mounts

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A Mount is one line of /proc/self/mountinfo; see proc_pid_mountinfo(5).
type Mount struct {
	ID, Parent                    int
	Source, Target, Type, Options string
}

// All returns the mounts in the order they were made.
func All() ([]Mount, error) {
	content, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("%w: is /proc mounted? mount -t proc proc /proc", err)
	}
	return parse(string(content)), nil
}

// The kernel writes what would break a line as octal; see mangle() in fs/proc_namespace.c.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\043`, "#", `\134`, `\`)

func parse(content string) []Mount {
	var all []Mount
	for text := range strings.Lines(content) {
		// 36 35 98:0 /subtree /mnt rw,noatime master:1 - ext3 /dev/root rw,errors=continue
		here, there, ok := strings.Cut(text, " - ")
		fields, system := strings.Fields(here), strings.Fields(there)
		if !ok || len(fields) < 6 || len(system) < 2 {
			continue
		}
		id, idErr := strconv.Atoi(fields[0])
		parent, parentErr := strconv.Atoi(fields[1])
		if idErr != nil || parentErr != nil {
			continue
		}
		m := Mount{id, parent, unescape.Replace(system[1]), unescape.Replace(fields[4]), system[0], fields[5]}
		if len(system) > 2 { // the file system's own options, of which the first is about writing too
			if _, own, more := strings.Cut(system[2], ","); more {
				m.Options += "," + own
			}
		}
		all = append(all, m)
	}
	return all
}

// Below returns the mount at a place and all below it, in the order they were made. Of several at one place it is the
// last, which hides the others.
func Below(all []Mount, target string) []Mount {
	inside := map[int]bool{}
	for _, m := range all {
		if m.Target == target {
			inside = map[int]bool{m.ID: true}
		}
	}
	var below []Mount
	for _, m := range all {
		if inside[m.Parent] {
			inside[m.ID] = true
		}
		if inside[m.ID] {
			below = append(below, m)
		}
	}
	return below
}

// ErrUnknown is returned, wrapped, by Of where the caller's root directory hides the mount.
var ErrUnknown = errors.New("on no mount that /proc/self/mountinfo shows")

// Of returns the mount that a file is on: of those it lies under, the deepest, and of several at one place the last,
// which hides the others.
func Of(all []Mount, file string) (Mount, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return Mount{}, err
	}
	if file, err = filepath.EvalSymlinks(file); err != nil {
		return Mount{}, err
	}
	var best Mount
	for _, m := range all {
		under := file == m.Target || strings.HasPrefix(file, strings.TrimSuffix(m.Target, "/")+"/")
		if under && len(m.Target) >= len(best.Target) {
			best = m
		}
	}
	if best.Target == "" {
		return best, fmt.Errorf("%s: %w", file, ErrUnknown)
	}
	return best, nil
}
