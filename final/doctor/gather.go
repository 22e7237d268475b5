package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"stave/final/user"
)

// Options says what to look at.
type Options struct {
	// Dirs are the directories that will hold layers and root filesystems: the
	// store, and where temporary files go. They need not exist yet.
	Dirs []string
	// Self are the arguments with which this program calls Probe on the rest of
	// its arguments: {"doctor", "--probe"} for stave.
	Self []string
}

// kinds are the namespaces that a container gets.
const kinds = unix.CLONE_NEWUTS | unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP

// Gather looks at this machine and tries what a container needs. It fails only
// if the trials could not be carried out at all; what the kernel refuses is a fact.
func Gather(ctx context.Context, opts Options) (*Facts, error) {
	mountinfo := read("/proc/self/mountinfo")
	f := &Facts{
		Release:   release(),
		Arch:      runtime.GOARCH,
		Container: container(mountinfo),
		User:      strconv.Itoa(os.Getuid()),
		UID:       os.Getuid(),
		InUserNS:  inUserNS(),
		Chrooted:  !mountPoint(mountinfo, "/"),
		Filters:   exists("/proc/sys/kernel/seccomp/actions_avail"),
		AppArmor:  strings.TrimSpace(read("/proc/self/attr/apparmor/current")),
		Systemd:   exists("/run/systemd/system"),
		Sysctl:    map[string]string{},
		SubUID:    parseIDRanges(read("/etc/subuid")),
		SubGID:    parseIDRanges(read("/etc/subgid")),
		MapTools:  map[string]MapTool{},
		Tools:     map[string]string{},
	}
	status := read("/proc/self/status")
	f.CapEff = statusField(status, "CapEff", 16)
	f.Filtered = statusField(status, "Seccomp", 10) == unix.SECCOMP_MODE_FILTER
	for _, account := range user.Accounts([]byte(read("/etc/passwd"))) {
		if int(account.UID) == f.UID {
			f.User = account.Name
			break
		}
	}
	var err error
	if f.Cgroups, err = gatherCgroups(f.direct() && !f.InUserNS); err != nil {
		return nil, err
	}
	for _, s := range userNSSysctls {
		if text := read("/proc/sys/" + strings.ReplaceAll(s.key, ".", "/")); text != "" {
			f.Sysctl[s.key] = strings.TrimSpace(text)
		}
	}
	for _, name := range []string{"newuidmap", "newgidmap"} {
		if path, err := exec.LookPath(name); err == nil {
			f.MapTools[name] = MapTool{Path: path, Privileged: privileged(path)}
		}
	}
	for _, name := range []string{"go", "git", "unshare"} {
		f.Tools[name], _ = exec.LookPath(name)
	}
	if wsl(f.Release) == 1 {
		return f, nil // it imitates Linux calls, and has none of the ones below
	}
	return f, try(ctx, f, opts)
}

// try carries out the trials. For overlayfs each of opts.Dirs gets a directory of its own, for as long as it takes.
func try(ctx context.Context, f *Facts, opts Options) (err error) {
	var scratch []string
	var tried []int // f.Dirs[tried[i]] holds scratch[i]
	defer func() {
		for _, dir := range scratch {
			// Overlayfs gave this mode 0, so RemoveAll couldn't look into it.
			os.Chmod(dir+"/work/work", 0o700) //nolint:forbidigo // the directory is ours, and what was in it is gone
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	for i, path := range opts.Dirs {
		d := statDir(path)
		dir, mkErr := os.MkdirTemp(d.Path, ".stave-doctor-")
		if d.Create = errno(mkErr); mkErr == nil {
			scratch, tried = append(scratch, dir), append(tried, i)
		}
		f.Dirs = append(f.Dirs, d)
	}
	flags := uintptr(kinds)
	if f.direct() {
		inside, err := start(ctx, kinds|unix.CLONE_NEWUSER, opts.Self, nil)
		if err != nil {
			return err
		}
		f.UserNS = inside.Clone
	} else {
		flags |= unix.CLONE_NEWUSER
	}
	if f.Trials, err = start(ctx, flags, opts.Self, scratch); err != nil {
		return err
	}
	if !f.direct() {
		f.UserNS = f.Trials.Clone
	}
	for i, result := range f.Trials.Overlay {
		f.Dirs[tried[i]].Tried, f.Dirs[tried[i]].Overlay = true, result
	}
	return nil
}

// start runs this program's Probe in new namespaces. The child can't outlive this call.
func start(ctx context.Context, flags uintptr, self, dirs []string) (t Trials, err error) {
	var out, complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = slices.Concat(os.Args[:1], self, dirs)
	cmd.Stdout, cmd.Stderr = &out, &complaint
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags, Pdeathsig: syscall.SIGKILL}
	if flags&unix.CLONE_NEWUSER != 0 {
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	// Pdeathsig is sent when the thread that forked ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err = cmd.Run()
	if t.Clone = errno(err); t.Clone != unix.EIO && t.Clone != 0 {
		return t, nil // refused by the kernel, before anything ran
	}
	t.Clone = 0
	if err == nil {
		err = json.Unmarshal(out.Bytes(), &t)
	}
	if err != nil {
		return t, fmt.Errorf("trying namespaces in a child process: %w: %s", err, bytes.TrimSpace(complaint.Bytes()))
	}
	return t, nil
}
