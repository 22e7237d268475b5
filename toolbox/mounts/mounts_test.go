package mounts

import (
	"errors"
	"os"
	"reflect"
	"testing"
)

const info = `21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
22 21 0:5 / /proc rw,nosuid - proc proc rw
23 21 0:20 / /mnt rw,relatime - tmpfs none rw,size=1024k
24 23 0:21 /sub /mnt/with\040blank ro - tmpfs odd\134name rw
25 21 0:22 / /mnt rw - overlay overlay rw,lowerdir=/a:/b
26 25 0:23 / /mnt/top rw - tmpfs none rw
nonsense
`

func TestParse(t *testing.T) {
	want := []Mount{
		{21, 1, "/dev/sda1", "/", "ext4", "rw,relatime,errors=remount-ro"},
		{22, 21, "proc", "/proc", "proc", "rw,nosuid"},
		{23, 21, "none", "/mnt", "tmpfs", "rw,relatime,size=1024k"},
		{24, 23, `odd\name`, "/mnt/with blank", "tmpfs", "ro"},
		{25, 21, "overlay", "/mnt", "overlay", "rw,lowerdir=/a:/b"},
		{26, 25, "none", "/mnt/top", "tmpfs", "rw"},
	}
	if got := parse(info); !reflect.DeepEqual(got, want) {
		t.Errorf("it is\n%v\nand should be\n%v", got, want)
	}
}

// TestBelow: of two mounts at one place, the later is the one to be seen, and what is in the earlier is not below it.
func TestBelow(t *testing.T) {
	var ids []int
	for _, m := range Below(parse(info), "/mnt") {
		ids = append(ids, m.ID)
	}
	if want := []int{25, 26}; !reflect.DeepEqual(ids, want) {
		t.Errorf("below /mnt are %v, and should be %v", ids, want)
	}
}

func TestOf(t *testing.T) {
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	m, err := Of(all, "/proc/self/status")
	if err != nil || m.Type != "proc" {
		t.Errorf("/proc/self/status is on %+v, %v", m, err)
	}
	if _, err := Of(nil, "/"); !errors.Is(err, ErrUnknown) {
		t.Errorf("without mounts / is on one: %v", err)
	}
	if _, err := Of(all, "/nowhere/at/all"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that isn't there is on a mount: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(info)
	f.Fuzz(func(t *testing.T, content string) {
		for _, m := range parse(content) {
			if m.Type == "" || m.Target == "" {
				t.Errorf("half a mount of %q: %+v", content, m)
			}
		}
	})
}
