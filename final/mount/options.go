package mount

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// An attribute of a mount, as mount_setattr(2) has them, and the options of mount(8) that set and clear it.
type attribute struct {
	on, off string
	flag    uint64
	text    string
}

var attributes = []attribute{
	{"ro", "rw", unix.MOUNT_ATTR_RDONLY, "MOUNT_ATTR_RDONLY"},
	{"nosuid", "suid", unix.MOUNT_ATTR_NOSUID, "MOUNT_ATTR_NOSUID"},
	{"nodev", "dev", unix.MOUNT_ATTR_NODEV, "MOUNT_ATTR_NODEV"},
	{"noexec", "exec", unix.MOUNT_ATTR_NOEXEC, "MOUNT_ATTR_NOEXEC"},
	{"nodiratime", "diratime", unix.MOUNT_ATTR_NODIRATIME, "MOUNT_ATTR_NODIRATIME"},
	{"nosymfollow", "symfollow", unix.MOUNT_ATTR_NOSYMFOLLOW, "MOUNT_ATTR_NOSYMFOLLOW"},
	// How access times are kept is one choice of three, in bits of its own; relatime, which is none of them, is the kernel's choice.
	{"noatime", "atime", unix.MOUNT_ATTR_NOATIME, "MOUNT_ATTR_NOATIME"},
	{"strictatime", "nostrictatime", unix.MOUNT_ATTR_STRICTATIME, "MOUNT_ATTR_STRICTATIME"},
	{"relatime", "norelatime", unix.MOUNT_ATTR_RELATIME, ""},
}

// accessTimes are the bits of that choice. They are cleared together or not at all.
const accessTimes = unix.MOUNT_ATTR__ATIME

// A change is what is to be different about a mount's attributes.
type change struct{ set, clear uint64 }

// then is this change with another after it.
func (c change) then(next change) change {
	return change{set: c.set&^next.clear | next.set, clear: c.clear&^(next.set&^accessTimes) | next.clear}
}

// take reads an option, if it is an attribute. A later one counts more than an earlier one.
func (c *change) take(option string) bool {
	for _, a := range attributes {
		time := a.flag&accessTimes != 0 || a.flag == unix.MOUNT_ATTR_RELATIME
		switch {
		case option == a.on && time:
			c.set, c.clear = c.set&^accessTimes|a.flag, c.clear|accessTimes
		case option == a.on:
			c.set, c.clear = c.set|a.flag, c.clear&^a.flag
		case option == a.off && time:
			c.set &^= a.flag
			if a.flag != 0 {
				c.clear |= accessTimes
			}
		case option == a.off:
			c.set, c.clear = c.set&^a.flag, c.clear|a.flag
		default:
			continue
		}
		return true
	}
	return false
}

// symbols are attributes as C would write them.
func symbols(flags uint64) string {
	var list []string
	if flags&accessTimes == accessTimes {
		list, flags = append(list, "MOUNT_ATTR__ATIME"), flags&^accessTimes
	}
	for _, a := range attributes {
		if flags&a.flag != 0 {
			list = append(list, a.text)
		}
	}
	if len(list) == 0 {
		return "0"
	}
	return strings.Join(list, "|")
}

// A propagation says whom news of mounts and unmounts reaches (mount_namespaces(7), "Shared subtrees").
type propagation struct {
	flag      uint64
	text      string
	recursive bool
}

// parsePropagation reads one with or without the r before it that makes it recursive.
func parsePropagation(s string) (p propagation, ok bool) {
	name, recursive := strings.CutPrefix(s, "r")
	p.recursive = recursive
	switch name {
	case "private":
		p.flag, p.text = unix.MS_PRIVATE, "MS_PRIVATE"
	case "slave":
		p.flag, p.text = unix.MS_SLAVE, "MS_SLAVE"
	case "shared":
		p.flag, p.text = unix.MS_SHARED, "MS_SHARED"
	case "unbindable":
		p.flag, p.text = unix.MS_UNBINDABLE, "MS_UNBINDABLE"
	default:
		return p, false
	}
	return p, true
}

// options are a mount's, sorted.
type options struct {
	own, all     change // attributes of the mount itself; of those below it, too
	propagations []propagation
	bind         bool
	recursive    bool // rbind: with the mounts below
	idmap        bool
	idmapAll     bool // ridmap: of the mounts below, too
	copyUp       bool
	remount      bool     // of what an earlier entry mounts
	super        []string // for any filesystem, as flags
	data         []string // for the filesystem alone: key or key=value
}

// superFlags are options of a filesystem, not of a mount, that fsconfig(2) takes as flags. A bind mount is of a filesystem that has its own already.
var superFlags = []string{"sync", "async", "dirsync", "lazytime", "nolazytime", "mand", "nomand"}

// ignored are options that have nothing to say: silent and loud are about the kernel's log, and file versions (iversion) are kept by a filesystem that has them
// whether one asks or not, since Linux 6.2.
var ignored = []string{"defaults", "silent", "loud", "iversion", "noiversion"}

// parseOptions sorts the options of a mount in the OCI specification (config.md, "Linux mount options"). A string of several, as mount(2) takes it, is taken
// apart.
func parseOptions(list []string) (o options) {
	for _, several := range list {
		for _, s := range split(several) {
			o.take(s)
		}
	}
	return o
}

func (o *options) take(s string) {
	name, recursive := strings.CutPrefix(s, "r")
	if p, ok := parsePropagation(s); ok {
		o.propagations = append(o.propagations, p)
		return
	}
	switch {
	case s == "" || slices.Contains(ignored, s):
	case s == "bind" || s == "rbind":
		o.bind, o.recursive = true, o.recursive || recursive
	case o.own.take(s):
	case recursive && o.all.take(name):
	case s == "idmap" || s == "ridmap":
		o.idmap, o.idmapAll = true, o.idmapAll || recursive
	case s == "tmpcopyup":
		o.copyUp = true
	case s == "remount":
		o.remount = true
	case slices.Contains(superFlags, s):
		o.super = append(o.super, s)
	default:
		o.data = append(o.data, s)
	}
}

// OfMount tells whether an option is one of a mount, which a bind mount has too, and not one of a filesystem.
func OfMount(option string) bool {
	return len(parseOptions([]string{option}).data) == 0
}

// maxValue is the longest key or value of an option that fsconfig(2) takes, and maxOptions the longest list of options that mount(2) does, both in bytes.
const (
	maxValue   = 255
	maxOptions = 4095
)

// long tells whether an option is too long for fsconfig(2), as that of an overlay with many layers is.
func long(option string) bool {
	key, value, _ := strings.Cut(option, "=")
	return len(key) > maxValue || len(value) > maxValue
}

// split takes a string of options apart at its commas, but for those in quotes (an SELinux label has some) or after a backslash (overlay).
func split(s string) []string {
	var list []string
	start, quoted := 0, false
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ',' && !quoted && (i == 0 || s[i-1] != '\\'):
			list, start = append(list, s[start:i]), i+1
		}
	}
	return append(list, s[start:])
}
