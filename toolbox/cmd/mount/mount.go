// Package mount mounts file systems, and shows what is mounted; see mount(2).
//
// Synopsis:
//
//	mount [-t TYPE] [-o OPTION,…] [-rvw] SOURCE TARGET
//	mount --bind | --rbind | --move SOURCE TARGET
//	mount --make-[r]private | --make-[r]shared | --make-[r]slave | --make-[r]unbindable TARGET
//	mount -o remount[,OPTION…] TARGET
//	mount [-t TYPE]
//
// Without operands it shows the mounts of the namespace it is in.
//
// Options:
//
//	-o OPTION  ro rw nosuid suid nodev dev noexec exec noatime relatime strictatime nodiratime sync dirsync bind
//	           rbind remount private shared slave unbindable (and with r before those four), or the file system's own
//	-r         read-only, as -o ro
//	-t TYPE    such as proc, sysfs, tmpfs, overlay, ext4; -t bind doesn't exist
//	-v         say what is mounted
//	-w         accepted: writable is what it is anyway
package mount

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmdline"
	"stave/toolbox/mounts"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("mount [-t TYPE] [-o OPTION,…] [SOURCE] TARGET")
	kind := line.StringP("types", "t", "", "file system `TYPE`, such as proc, tmpfs, overlay")
	options := line.StringArrayP("options", "o", nil, "mount `OPTION`s, separated by commas")
	readOnly := line.BoolP("read-only", "r", false, "read-only, as -o ro")
	verbose := line.BoolP("verbose", "v", false, "say what is mounted")
	line.BoolP("rw", "w", false, "accepted: writable is what it is anyway")
	for _, name := range operations() {
		line.Bool(name, false, "as -o "+optionOf(name))
	}
	if status, ok := line.Read(args); !ok {
		return status
	}
	r := request{kind: *kind}
	if *readOnly {
		r.option("ro")
	}
	for _, name := range operations() {
		if line.Changed(name) {
			r.option(optionOf(name))
		}
	}
	for _, list := range *options {
		r.options(list)
	}
	switch line.NArg() {
	case 0:
		return show(line, *kind)
	case 1:
		r.target = line.Arg(0)
		if r.flags&unix.MS_REMOUNT == 0 && r.propagation == 0 {
			return line.Misuse("what is to be mounted on %s? there is no /etc/fstab to look it up in", r.target)
		}
	case 2:
		r.source, r.target = line.Arg(0), line.Arg(1)
	default:
		return line.Misuse("%q is one operand too many", line.Arg(2))
	}
	if err := r.perform(); err != nil {
		return line.Fail(err)
	}
	if *verbose {
		fmt.Printf("mount: %s mounted on %s\n", r.source, r.target)
	}
	return cmdline.Success
}

func show(line *cmdline.Line, kind string) int {
	all, err := mounts.All()
	if err != nil {
		return line.Fail(err)
	}
	for _, m := range all {
		if kind == "" || kind == m.Type {
			fmt.Fprintf(os.Stdout, "%s on %s type %s (%s)\n", m.Source, m.Target, m.Type, m.Options)
		}
	}
	return cmdline.Success
}
