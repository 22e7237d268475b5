// Package umount takes mounts away; see umount(2).
//
// Synopsis:
//
//	umount [-flRv] TARGET…
//	umount -a [-t TYPE]
//
// Options:
//
//	-a       all but /proc and the root
//	-f       by force, where the file system is able
//	-l       lazily: out of the tree now, gone when nobody uses it
//	-R       with all mounts below it
//	-t TYPE  with -a: of this type
//	-v       say what is taken away
package umount

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmdline"
	"stave/toolbox/mounts"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("umount [-aflRv] [-t TYPE] TARGET…")
	all := line.BoolP("all", "a", false, "all but /proc and the root")
	force := line.BoolP("force", "f", false, "by force, where the file system is able")
	lazy := line.BoolP("lazy", "l", false, "out of the tree now, gone when nobody uses it")
	recurse := line.BoolP("recursive", "R", false, "with all mounts below it")
	kind := line.StringP("types", "t", "", "with -a: of this `TYPE`")
	verbose := line.BoolP("verbose", "v", false, "say what is taken away")
	if status, ok := line.Read(args); !ok {
		return status
	}
	if line.NArg() == 0 && !*all {
		return line.Misuse("which mount?")
	}
	flags := unix.UMOUNT_NOFOLLOW
	if *force {
		flags |= unix.MNT_FORCE
	}
	if *lazy {
		flags |= unix.MNT_DETACH
	}
	targets, err := find(line.Args(), *all, *recurse, *kind)
	if err != nil {
		return line.Fail(err)
	}
	status := cmdline.Success
	for _, target := range targets {
		if err := unix.Unmount(target, flags); err != nil {
			status = line.Failf("%s: %w%s", target, err, hint(err))
		} else if *verbose {
			fmt.Printf("umount: %s\n", target)
		}
	}
	return status
}

// find returns the mount points to take away, the innermost first.
func find(names []string, all, recurse bool, kind string) ([]string, error) {
	var targets []string
	for _, name := range names {
		path, err := filepath.Abs(name)
		if err != nil {
			return nil, err
		}
		if resolved, err := filepath.EvalSymlinks(path); err == nil {
			path = resolved
		}
		targets = append(targets, path)
	}
	if !all && !recurse {
		return targets, nil
	}
	mounted, err := mounts.All()
	if err != nil {
		return nil, err
	}
	var found []string
	for _, m := range mounted {
		if all && m.Target != "/" && m.Target != "/proc" && (kind == "" || kind == m.Type) {
			found = append(found, m.Target)
		}
	}
	for _, target := range targets {
		below := mounts.Below(mounted, target)
		if len(below) == 0 {
			found = append(found, target) // let the kernel say what is wrong with it
		}
		for _, m := range below {
			found = append(found, m.Target)
		}
	}
	slices.Reverse(found)
	return found, nil
}

func hint(err error) string {
	switch err {
	case unix.EBUSY:
		return " (a process has a file open or its working directory there; -l doesn't wait for it)"
	case unix.EINVAL:
		return " (not a mount point, or locked to the one it was made with)"
	case unix.EPERM:
		if os.Geteuid() != 0 {
			return " (it takes root)"
		}
	}
	return ""
}
