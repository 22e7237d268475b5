package mount

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// An attribute of a mount, as mount_setattr(2) has them, and how it is set and cleared by the options of mount(8).
type attribute struct {
	set, clear string
	flag       uint64
	text       string
}

var attributes = []attribute{
	{"ro", "rw", unix.MOUNT_ATTR_RDONLY, "MOUNT_ATTR_RDONLY"},
	{"nosuid", "suid", unix.MOUNT_ATTR_NOSUID, "MOUNT_ATTR_NOSUID"},
	{"nodev", "dev", unix.MOUNT_ATTR_NODEV, "MOUNT_ATTR_NODEV"},
	{"noexec", "exec", unix.MOUNT_ATTR_NOEXEC, "MOUNT_ATTR_NOEXEC"},
	{"nodiratime", "diratime", unix.MOUNT_ATTR_NODIRATIME, "MOUNT_ATTR_NODIRATIME"},
	{"nosymfollow", "symfollow", unix.MOUNT_ATTR_NOSYMFOLLOW, "MOUNT_ATTR_NOSYMFOLLOW"},
	// How access times are kept is one choice of three, in bits of its own.
	{"noatime", "", unix.MOUNT_ATTR_NOATIME, "MOUNT_ATTR_NOATIME"},
	{"strictatime", "", unix.MOUNT_ATTR_STRICTATIME, "MOUNT_ATTR_STRICTATIME"},
	{"relatime", "", unix.MOUNT_ATTR_RELATIME, "0"},
}

// options are a mount's, sorted: attributes of the mount point, whether it is a bind mount, and what is left for the filesystem.
type options struct {
	set, clear  uint64
	text        []string // the names of what is set
	bind        bool
	recursive   bool // rbind: with the mounts below
	rattr       bool // the attributes are for the mounts below too (rro and the like)
	propagation uint64
	data        []string // for the filesystem: key or key=value
}

var propagations = map[string]uint64{
	"private": unix.MS_PRIVATE, "slave": unix.MS_SLAVE, "shared": unix.MS_SHARED, "unbindable": unix.MS_UNBINDABLE,
}

var propagationNames = map[uint64]string{
	unix.MS_PRIVATE: "MS_PRIVATE", unix.MS_SLAVE: "MS_SLAVE", unix.MS_SHARED: "MS_SHARED", unix.MS_UNBINDABLE: "MS_UNBINDABLE",
}

// parseOptions sorts the options of a mount in the OCI specification ("Linux mount options", config.md).
func parseOptions(list []string) (options, error) {
	var o options
	for _, s := range list {
		name, recursive := strings.CutPrefix(s, "r")
		switch {
		case s == "defaults":
		case s == "bind" || s == "rbind":
			o.bind, o.recursive = true, s == "rbind"
		case o.attribute(s):
		case propagations[s] != 0:
			o.propagation = propagations[s]
		case recursive && propagations[name] != 0:
			o.propagation = propagations[name]
		case recursive && o.attribute(name):
			o.rattr = true
		case s == "idmap" || s == "ridmap" || s == "tmpcopyup" || s == "remount":
			return o, fmt.Errorf("the mount option %q is not supported", s)
		default:
			o.data = append(o.data, s)
		}
	}
	return o, nil
}

// attribute takes s if it is one.
func (o *options) attribute(s string) bool {
	for _, a := range attributes {
		switch s {
		case "":
			return false
		case a.set:
			o.set |= a.flag
			o.text = append(o.text, a.text)
			return true
		case a.clear:
			o.set &^= a.flag
			o.clear |= a.flag
			o.text = slices.DeleteFunc(o.text, func(t string) bool { return t == a.text })
			return true
		}
	}
	return false
}

// symbols is what is set, as C would write it.
func (o options) symbols() string {
	if len(o.text) == 0 {
		return "0"
	}
	return strings.Join(o.text, "|")
}
