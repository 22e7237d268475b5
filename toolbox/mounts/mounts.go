// Package mounts reads the mounts of the mount namespace the caller is in, for mount, umount and df.
package mounts

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A Mount is one line of /proc/self/mounts; see fstab(5).
type Mount struct {
	Source, Target, Type, Options string
}

// All returns the mounts in the order they were made.
func All() ([]Mount, error) {
	content, err := os.ReadFile("/proc/self/mounts")
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
		fields := strings.Fields(text)
		if len(fields) < 4 {
			continue
		}
		all = append(all, Mount{unescape.Replace(fields[0]), unescape.Replace(fields[1]), fields[2], fields[3]})
	}
	return all
}

// ErrUnknown is returned, wrapped, by Of where the caller's root directory hides the mount.
var ErrUnknown = errors.New("on no mount that /proc/self/mounts shows")

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
