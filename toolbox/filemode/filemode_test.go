package filemode

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestString(t *testing.T) {
	for mode, want := range map[uint32]string{
		unix.S_IFREG | 0o644: "-rw-r--r--", unix.S_IFDIR | 0o1777: "drwxrwxrwt", unix.S_IFDIR | 0o1770: "drwxrwx--T",
		unix.S_IFREG | 0o4755: "-rwsr-xr-x", unix.S_IFREG | 0o6644: "-rwSr-Sr--", unix.S_IFLNK | 0o777: "lrwxrwxrwx",
		unix.S_IFCHR: "c---------", unix.S_IFBLK: "b---------", unix.S_IFIFO: "p---------", unix.S_IFSOCK: "s---------",
	} {
		if got := String(mode); got != want {
			t.Errorf("String(%#o) is %q; it should be %q", mode, got, want)
		}
	}
}

// TestChange has what GNU chmod makes of these, with a umask of 022.
func TestChange(t *testing.T) {
	const file, dir = unix.S_IFREG, unix.S_IFDIR
	for _, test := range []struct {
		mode       uint32
		expression string
		want       uint32
	}{
		{file | 0o644, "755", file | 0o755},
		{file | 0o4755, "0", file},
		{dir | 0o755, "1777", dir | 0o1777},
		{file | 0o644, "u+x", file | 0o744},
		{file | 0o644, "+x", file | 0o755},
		{file | 0o666, "-w", file | 0o466}, // the umask keeps -w from the others
		{file | 0o777, "go-w", file | 0o755},
		{file | 0o644, "u+x,go=", file | 0o700},
		{file | 0o640, "o=g", file | 0o644},
		{file | 0o600, "g=u-w", file | 0o640},
		{file | 0o644, "a+X", file | 0o644},
		{file | 0o744, "a+X", file | 0o755},
		{dir | 0o644, "a+X", dir | 0o755},
		{file | 0o755, "u+s", file | 0o4755},
		{file | 0o755, "g+s", file | 0o2755},
		{dir | 0o777, "+t", dir | 0o1777},
		{file | 0o777, "u=rw,g=r,o=", file | 0o640},
	} {
		got, err := Change(test.mode, test.expression, 0o022)
		if err != nil || got != test.want {
			t.Errorf("Change(%#o, %q) is %#o, %v; it should be %#o", test.mode, test.expression, got, err, test.want)
		}
	}
	for _, expression := range []string{"", "u", "77777", "8", "u+q", "+x,", "=rwx,z"} {
		if got, err := Change(0o644, expression, 0); err == nil {
			t.Errorf("Change(0644, %q) is %#o, and should be refused", expression, got)
		}
	}
}

// FuzzChange: whatever the expression, what is not permission stays.
func FuzzChange(f *testing.F) {
	f.Add(uint32(unix.S_IFDIR|0o755), "u+x,g-w,o=rX")
	f.Add(uint32(unix.S_IFREG|0o644), "1777")
	f.Fuzz(func(t *testing.T, mode uint32, expression string) {
		changed, err := Change(mode, expression, 0o022)
		if err == nil && changed&^0o7777 != mode&^0o7777 {
			t.Errorf("Change(%#o, %q) is %#o, a different kind of file", mode, expression, changed)
		}
	})
}
