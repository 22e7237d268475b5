package cgroup

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNoFreezer is returned where a cgroup can't be frozen: it is in no hierarchy with a freezer.
var ErrNoFreezer = errors.New("the container has no cgroup that can be frozen")

// errOpposite is what comes of a freeze or a thaw while somebody undoes it: kill thaws what is to die, and waits for nobody.
var errOpposite = errors.New("another command has asked for the opposite meanwhile")

// soon is how long the kernel may take to freeze or thaw a cgroup. It takes milliseconds, unless one of the processes waits for a disk.
const soon = 10 * time.Second

// Freeze stops every process of the cgroup where it stands, and returns when all of them have. If ctx ends first, or [soon] is over, they go on.
func (g Group) Freeze(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	file, err := g.with("cgroup.freeze"), error(nil)
	if file != "" {
		if err = write(file, "1"); err == nil {
			err = await(ctx, filepath.Dir(file), "1")
		}
	} else if file = g.with("freezer.state"); file != "" {
		err = freezeV1(ctx, file)
	} else {
		return ErrNoFreezer
	}
	if err != nil {
		return errors.Join(fmt.Errorf("freezing the cgroup %s: %w", filepath.Dir(file), err), g.Thaw(context.WithoutCancel(ctx)))
	}
	return nil
}

// Thaw lets them go on.
func (g Group) Thaw(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	file := g.with("cgroup.freeze")
	if file == "" {
		if g.with("freezer.state") == "" {
			return ErrNoFreezer
		}
		return g.thawV1()
	}
	err := write(file, "0")
	if err == nil {
		err = await(ctx, filepath.Dir(file), "0")
	}
	return errors.Join(err, g.thawV1())
}

// thawV1 undoes a freeze of version 1, which can be in force beside version 2's.
func (g Group) thawV1() error {
	if file := g.with("freezer.state"); file != "" {
		return write(file, "THAWED")
	}
	return nil
}

// Frozen tells whether the cgroup was told to freeze.
func (g Group) Frozen() (bool, error) {
	for _, name := range []string{"cgroup.freeze", "freezer.self_freezing"} {
		file := g.with(name)
		if file == "" {
			continue
		}
		text, err := read(file)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) {
			return false, nil // removed meanwhile
		}
		if err != nil || strings.TrimSpace(text) == "1" {
			return err == nil, err
		}
	}
	return false, nil
}

// freezeV1 says FROZEN again and again until it is so, or somebody else says THAWED: a process that was just forked may not have heard it, and no
// event tells when it is true (freezer-subsystem.rst).
func freezeV1(ctx context.Context, file string) error {
	for wait := 50 * time.Microsecond; ; wait = min(2*wait, 10*time.Millisecond) {
		if err := write(file, "FROZEN"); err != nil {
			return err
		}
		state, err := read(file)
		if err != nil || strings.TrimSpace(state) == "FROZEN" {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		if err := stillTold(filepath.Join(filepath.Dir(file), "freezer.self_freezing"), "1"); err != nil {
			return err
		}
	}
}

// stillTold fails if a cgroup isn't told any more what we have told it.
func stillTold(file, what string) error {
	told, err := read(file)
	if err == nil && strings.TrimSpace(told) != what {
		err = errOpposite
	}
	return err
}

// await returns when a cgroup of version 2 is what cgroup.freeze was told, 1 for frozen: its cgroup.events tells by poll(2) when it changes.
func await(ctx context.Context, dir, frozen string) error {
	fd, err := unix.Open(filepath.Join(dir, "cgroup.events"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	buf := make([]byte, 4096)
	for {
		n, err := unix.Pread(fd, buf, 0)
		if err != nil || strings.Contains("\n"+string(buf[:n]), "\nfrozen "+frozen+"\n") {
			return err
		}
		if err := stillTold(filepath.Join(dir, "cgroup.freeze"), frozen); err != nil {
			return err
		}
		_, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLPRI}}, 100) // milliseconds, to look at ctx and cgroup.freeze again
		if err != nil && err != unix.EINTR {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
