package mount

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// A request is a mount to be made. The kernel wants a change of propagation in a call of its own, and ignores the
// other flags of a bind mount until it is remounted; see mount(2).
type request struct {
	source, target, kind string
	flags, propagation   uintptr
	data                 []string
}

// flags that an option sets, and those it clears.
var options = map[string]struct{ set, clear uintptr }{
	"ro": {unix.MS_RDONLY, 0}, "rw": {0, unix.MS_RDONLY},
	"nosuid": {unix.MS_NOSUID, 0}, "suid": {0, unix.MS_NOSUID},
	"nodev": {unix.MS_NODEV, 0}, "dev": {0, unix.MS_NODEV},
	"noexec": {unix.MS_NOEXEC, 0}, "exec": {0, unix.MS_NOEXEC},
	"noatime": {unix.MS_NOATIME, 0}, "atime": {0, unix.MS_NOATIME},
	"nodiratime": {unix.MS_NODIRATIME, 0}, "diratime": {0, unix.MS_NODIRATIME},
	"relatime": {unix.MS_RELATIME, 0}, "strictatime": {unix.MS_STRICTATIME, 0},
	"sync": {unix.MS_SYNCHRONOUS, 0}, "async": {0, unix.MS_SYNCHRONOUS},
	"dirsync": {unix.MS_DIRSYNC, 0}, "silent": {unix.MS_SILENT, 0},
	"remount": {unix.MS_REMOUNT, 0}, "bind": {unix.MS_BIND, 0}, "rbind": {unix.MS_BIND | unix.MS_REC, 0},
	"move": {unix.MS_MOVE, 0}, "defaults": {0, 0},
}

var propagations = map[string]uintptr{
	"private": unix.MS_PRIVATE, "shared": unix.MS_SHARED, "slave": unix.MS_SLAVE, "unbindable": unix.MS_UNBINDABLE,
	"rprivate": unix.MS_PRIVATE | unix.MS_REC, "rshared": unix.MS_SHARED | unix.MS_REC,
	"rslave": unix.MS_SLAVE | unix.MS_REC, "runbindable": unix.MS_UNBINDABLE | unix.MS_REC,
}

// operations have long options of their own beside -o.
func operations() []string {
	return []string{
		"bind", "rbind", "move", "make-private", "make-rprivate", "make-shared", "make-rshared", "make-slave",
		"make-rslave", "make-unbindable", "make-runbindable",
	}
}

func optionOf(operation string) string { return strings.TrimPrefix(operation, "make-") }

func (r *request) options(list string) {
	for name := range strings.SplitSeq(list, ",") {
		if name != "" {
			r.option(name)
		}
	}
}

// option notes one option. What isn't the kernel's is handed to the file system, which knows its own.
func (r *request) option(name string) {
	if flags, ok := options[name]; ok {
		r.flags = r.flags&^flags.clear | flags.set
	} else if propagation, ok := propagations[name]; ok {
		r.propagation = propagation
	} else {
		r.data = append(r.data, name)
	}
}

// bindRemount is what of a bind mount's flags takes a second call to set.
const bindRemount = unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME |
	unix.MS_NODIRATIME | unix.MS_RELATIME | unix.MS_STRICTATIME

func (r *request) perform() error {
	if r.source != "" || r.flags&unix.MS_REMOUNT != 0 {
		if err := r.mount(r.flags); err != nil {
			return err
		}
	}
	if wanted := r.flags & bindRemount; r.flags&unix.MS_BIND != 0 && r.flags&unix.MS_REMOUNT == 0 && wanted != 0 {
		if err := r.mount(wanted | unix.MS_BIND | unix.MS_REMOUNT); err != nil {
			return err
		}
	}
	if r.propagation == 0 {
		return nil
	}
	if err := unix.Mount("", r.target, "", r.propagation, ""); err != nil {
		return fmt.Errorf("changing the propagation of %s: %w%s", r.target, err, hint(err))
	}
	return nil
}

func (r *request) mount(flags uintptr) error {
	kind := r.kind
	if kind == "" && flags&(unix.MS_BIND|unix.MS_MOVE|unix.MS_REMOUNT) == 0 {
		return fmt.Errorf("mounting %s: of which type? -t names it, or --bind for a directory", r.source)
	}
	if err := unix.Mount(r.source, r.target, kind, flags, strings.Join(r.data, ",")); err != nil {
		return fmt.Errorf("mounting %s on %s: %w%s", r.source, r.target, err, hint(err))
	}
	return nil
}

// hint explains the errors of mount(2) that say least.
func hint(err error) string {
	switch err {
	case unix.ENODEV:
		return " (the kernel doesn't know this type: see /proc/filesystems)"
	case unix.EPERM:
		if os.Geteuid() == 0 {
			return " (it takes CAP_SYS_ADMIN over this mount namespace)"
		}
		return " (it takes root)"
	case unix.EINVAL:
		return " (not a mount point, or options that don't go together)"
	}
	return ""
}
