package runtime

import (
	"io"
	"os"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/user"
)

// maxPasswd bounds an /etc/passwd, in bytes.
const maxPasswd = 1 << 20

// withHome adds the variable HOME to a process that has none, as runc and crun do: callers leave it to the runtime to look into /etc/passwd. root is the
// container's root directory as seen from here.
func withHome(p *specs.Process, root string) *specs.Process {
	if slices.ContainsFunc(p.Env, func(e string) bool { return strings.HasPrefix(e, "HOME=") }) {
		return p
	}
	home := "/"
	for _, a := range user.Accounts(passwd(root)) {
		if a.UID == p.User.UID {
			home = a.Home
			break
		}
	}
	with := *p
	with.Env = append(slices.Clone(p.Env), "HOME="+home)
	return &with
}

// passwd is /etc/passwd below root, or nothing if it can't be read. Whatever the container has put there, the name leads nowhere else and reading doesn't wait.
func passwd(root string) []byte {
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(dir)
	fd, err := unix.Openat2(dir, "etc/passwd", &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_NONBLOCK | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS})
	if err != nil {
		return nil
	}
	f := os.NewFile(uintptr(fd), "passwd")
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	b, _ := io.ReadAll(io.LimitReader(f, maxPasswd))
	return b
}
