package cgroup

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Update changes the limits of a container that runs. What r leaves out stays as it is; and so do devices, as with runc. A limit is refused
// by the kernel while it is at odds with another, such as one of memory above that of memory and swap, so what was refused is
// tried again when all the others are set. unit is what systemd made of it, or nil.
func (g Group) Update(l Layout, r *specs.LinuxResources, unit *Unit) error {
	current := func(controller, file string) string {
		h, _ := l.find(controller)
		if dir := g.in(h); dir != "" {
			text, _ := read(filepath.Join(dir, file)) // what isn't known is as in a new cgroup
			return text
		}
		return ""
	}
	list, err := translate(l, r, current)
	if err != nil {
		return err
	}
	if value(value(r.Memory).CheckBeforeUpdate) {
		if err := g.checkUsage(r.Memory); err != nil {
			return err
		}
	}
	for i, s := range list {
		h, _ := l.find(s.controller)
		if list[i].dir = g.in(h); list[i].dir == "" {
			return fmt.Errorf("limiting %s: the container is in no cgroup of that controller", s.controller)
		}
	}
	if unit != nil {
		if err := unit.change(propertiesFor(l, list, current)); err != nil {
			return err
		}
	}
	for {
		var refused []setting
		var errs []error
		for _, s := range list {
			if err := s.apply(); err != nil {
				refused, errs = append(refused, s), append(errs, fmt.Errorf("%s: %w", s.what(), err))
			}
		}
		if len(refused) == 0 || len(refused) == len(list) {
			return errors.Join(errs...)
		}
		list = refused
	}
}

// in is the directory in a hierarchy, or "".
func (g Group) in(h Hierarchy) string {
	i := slices.IndexFunc(g.dirs, func(d string) bool { return h.Mount != "" && strings.HasPrefix(d, h.Mount+"/") })
	if i < 0 {
		return ""
	}
	return g.dirs[i]
}

// apply sets it at once.
func (s setting) apply() error {
	err := write(filepath.Join(s.dir, s.file), s.value)
	if errors.Is(err, unix.ENOENT) && s.other[0] != "" {
		err = write(filepath.Join(s.dir, s.other[0]), s.other[1])
	}
	if errors.Is(err, unix.ENOENT) && s.missing == isFine {
		return nil
	}
	return err
}

// checkUsage refuses a limit below what is in use, where the kernel would end processes instead of refusing (version 2).
func (g Group) checkUsage(m *specs.LinuxMemory) error {
	file := g.with("memory.current")
	if file == "" {
		return nil
	}
	text, err := read(file)
	if err != nil {
		return err
	}
	usage, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	for field, n := range map[string]int64{"memory.limit": value(m.Limit), "memory.swap": value(m.Swap)} {
		if n > 0 && n <= usage {
			err = errors.Join(err, fmt.Errorf("%s: %d is no more than the %d bytes in use, and memory.checkBeforeUpdate is set", field, n, usage))
		}
	}
	return err
}
