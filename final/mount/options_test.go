package mount

import (
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseOptions(t *testing.T) {
	const atime = unix.MOUNT_ATTR__ATIME
	for list, want := range map[string]options{
		"defaults silent loud iversion noiversion": {},
		"bind ro nosuid nodev noexec":              {bind: true, own: change{set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC}},
		"rbind rw suid dev exec":                   {bind: true, recursive: true, own: change{clear: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC}},
		"ro rw":                                    {own: change{clear: unix.MOUNT_ATTR_RDONLY}},
		"rw ro":                                    {own: change{set: unix.MOUNT_ATTR_RDONLY}},
		"rro rrw rnosuid":                          {all: change{set: unix.MOUNT_ATTR_NOSUID, clear: unix.MOUNT_ATTR_RDONLY}},
		"rsuid rdev rexec rsymfollow rdiratime":    {all: change{clear: unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC | unix.MOUNT_ATTR_NOSYMFOLLOW | unix.MOUNT_ATTR_NODIRATIME}},
		"ro rnodev":                                {own: change{set: unix.MOUNT_ATTR_RDONLY}, all: change{set: unix.MOUNT_ATTR_NODEV}},
		"noatime":                                  {own: change{set: unix.MOUNT_ATTR_NOATIME, clear: atime}},
		"noatime atime":                            {own: change{clear: atime}},
		"noatime strictatime":                      {own: change{set: unix.MOUNT_ATTR_STRICTATIME, clear: atime}},
		"strictatime nostrictatime":                {own: change{clear: atime}},
		"noatime relatime":                         {own: change{clear: atime}},
		"norelatime":                               {},
		"rnoatime rnodiratime rnosymfollow":        {all: change{set: unix.MOUNT_ATTR_NOATIME | unix.MOUNT_ATTR_NODIRATIME | unix.MOUNT_ATTR_NOSYMFOLLOW, clear: atime}},
		"rstrictatime rnostrictatime rrelatime":    {all: change{clear: atime}},
		"slave rshared":                            {propagations: []propagation{{unix.MS_SLAVE, "MS_SLAVE", false}, {unix.MS_SHARED, "MS_SHARED", true}}},
		"private runbindable":                      {propagations: []propagation{{unix.MS_PRIVATE, "MS_PRIVATE", false}, {unix.MS_UNBINDABLE, "MS_UNBINDABLE", true}}},
		"remount,bind,ro":                          {bind: true, remount: true, own: change{set: unix.MOUNT_ATTR_RDONLY}},
		"idmap":                                    {idmap: true},
		"ridmap":                                   {idmap: true, idmapAll: true},
		"tmpcopyup sync dirsync lazytime mand":     {copyUp: true, super: []string{"sync", "dirsync", "lazytime", "mand"}},
		"async nolazytime nomand":                  {super: []string{"async", "nolazytime", "nomand"}},
		"mode=755,size=64m,ro rsize=8":             {own: change{set: unix.MOUNT_ATTR_RDONLY}, data: []string{"mode=755", "size=64m", "rsize=8"}},
		`context="a:b:c0,c1",lowerdir=a\,b`:        {data: []string{`context="a:b:c0,c1"`, `lowerdir=a\,b`}},
	} {
		if got := parseOptions(strings.Fields(list)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", list, got, want)
		}
	}
}
