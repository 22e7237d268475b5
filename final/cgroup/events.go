package cgroup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Events calls oom each time the kernel finds the cgroup out of memory, until the cgroup is gone, on version 2 until no
// process is in it, or until ctx ends. That is no error.
func (g Group) Events(ctx context.Context, oom func()) error {
	var err error
	switch v1, v2 := g.with("memory.oom_control"), g.with("memory.events"); {
	case v2 != "":
		err = eventsV2(ctx, filepath.Dir(v2), oom)
	case v1 != "":
		err = eventsV1(ctx, filepath.Dir(v1), oom)
	default:
		err = errors.New("the container has no cgroup of the memory controller")
	}
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("waiting for memory to run out: %w", err)
	}
	return nil
}

// eventsV1 has the kernel count up an eventfd, which it does once more when the cgroup is removed (cgroup-v1/memory.rst, "OOM Control").
func eventsV1(ctx context.Context, dir string, oom func()) error {
	control, err := os.Open(filepath.Join(dir, "memory.oom_control"))
	if err != nil {
		return err
	}
	defer control.Close()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return err
	}
	event := os.NewFile(uintptr(fd), "eventfd")
	defer event.Close()
	defer context.AfterFunc(ctx, func() { _ = event.SetReadDeadline(time.Unix(1, 0)) })()
	if err := write(filepath.Join(dir, "cgroup.event_control"), fmt.Sprintf("%d %d", fd, control.Fd())); err != nil {
		return err
	}
	for buf := make([]byte, 8); ; {
		if _, err := event.Read(buf); err != nil {
			return err
		}
		if _, err := os.Stat(dir); err != nil {
			return nil
		}
		oom()
	}
}

// eventsV2 watches the two files that tell of it (cgroup-v2.rst, "memory.events" and "cgroup.events"). Removal itself makes no event.
func eventsV2(ctx context.Context, dir string, oom func()) error {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return err
	}
	watch := os.NewFile(uintptr(fd), "inotify")
	defer watch.Close()
	defer context.AfterFunc(ctx, func() { _ = watch.SetReadDeadline(time.Unix(1, 0)) })()
	for _, name := range []string{"memory.events", "cgroup.events"} {
		if _, err := unix.InotifyAddWatch(fd, filepath.Join(dir, name), unix.IN_MODIFY); err != nil {
			return err
		}
	}
	seen, _ := field(filepath.Join(dir, "memory.events"), "oom")
	for buf := make([]byte, 4096); ; {
		if n, ok := field(filepath.Join(dir, "memory.events"), "oom"); ok && n > seen {
			seen = n
			oom()
		}
		if text, err := read(filepath.Join(dir, "cgroup.events")); err != nil || strings.Contains(text, "populated 0") {
			return nil
		}
		if _, err := watch.Read(buf); err != nil {
			return err
		}
	}
}
