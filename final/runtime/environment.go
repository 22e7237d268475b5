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

// withEnvironment is a process whose every variable has one value, and one of them is HOME, as runc and crun have it: callers leave it to the runtime to look into
// /etc/passwd. root is the container's root directory as seen from here.
func withEnvironment(p *specs.Process, root string) *specs.Process {
	with := *p
	with.Env = last(p.Env)
	if slices.ContainsFunc(with.Env, func(e string) bool { return strings.HasPrefix(e, "HOME=") }) {
		return &with
	}
	home := "/"
	for _, a := range user.Accounts(passwd(root)) {
		if a.UID == p.User.UID {
			home = a.Home
			break
		}
	}
	with.Env = append(with.Env, "HOME="+home)
	return &with
}

// last keeps the last value of each variable: it is what somebody set who knew of the others, and getenv(3) would find the first.
func last(env []string) []string {
	var list []string
	seen := map[string]bool{}
	for _, e := range slices.Backward(env) {
		name, _, _ := strings.Cut(e, "=")
		if !seen[name] {
			list = append(list, e)
		}
		seen[name] = true
	}
	slices.Reverse(list)
	return list
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
