package engine

import (
	"fmt"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// devices gives a container those it was promised. All others are forbidden, by name and by number: a container with CAP_MKNOD could make any node.
// Without privileges the kernel forbids that by itself, and a device can only be mounted.
func (e *Engine) devices(s *specs.Spec, o Options) error {
	if e.mapping == nil {
		s.Linux.Resources.Devices = []specs.LinuxDeviceCgroup{{Allow: o.Privileged, Access: "rwm"}}
	}
	for _, d := range o.Devices {
		f := strings.Split(d, ":")
		source, place, access := f[0], f[0], "rwm"
		if len(f) > 1 {
			place = f[1]
		}
		if len(f) > 2 {
			access = f[2]
		}
		if len(f) > 3 || !path.IsAbs(source) || !path.IsAbs(place) || access == "" || strings.Trim(access, "rwm") != "" {
			return fmt.Errorf("--device %q: give DEVICE[:PLACE[:rwm]], as in /dev/fuse:/dev/fuse:rw", d)
		}
		if err := e.device(s, source, place, access); err != nil {
			return fmt.Errorf("--device %q: %w", d, err)
		}
	}
	if o.Privileged {
		return e.allDevices(s)
	}
	return nil
}

// device adds one, or all in a directory.
func (e *Engine) device(s *specs.Spec, source, place, access string) error {
	found := false
	err := filepath.WalkDir(source, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Stat(name, &st); err != nil {
			return err
		}
		kind := ""
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFCHR:
			kind = "c"
		case unix.S_IFBLK:
			kind = "b"
		default:
			return nil
		}
		found = true
		e.addDevice(s, name, path.Join(place, strings.TrimPrefix(name, source)), kind, access, st)
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("there is no device")
	}
	return err
}

func (e *Engine) addDevice(s *specs.Spec, name, place, kind, access string, st unix.Stat_t) {
	if e.mapping != nil {
		s.Mounts = append(s.Mounts, specs.Mount{Type: "bind", Source: name, Destination: place, Options: []string{"bind", "rprivate"}})
		return
	}
	major, minor := int64(unix.Major(st.Rdev)), int64(unix.Minor(st.Rdev))
	mode := fs.FileMode(st.Mode & 0o7777)
	s.Linux.Devices = append(s.Linux.Devices, specs.LinuxDevice{Path: place, Type: kind, Major: major, Minor: minor, FileMode: &mode, UID: &st.Uid, GID: &st.Gid})
	s.Linux.Resources.Devices = append(s.Linux.Resources.Devices, specs.LinuxDeviceCgroup{Allow: true, Type: kind, Major: &major, Minor: &minor, Access: access})
}

// allDevices are the machine's, but for the terminals, which are the container's own.
func (e *Engine) allDevices(s *specs.Spec) error {
	if e.mapping != nil {
		return nil // most of them couldn't be opened all the same
	}
	names, err := filepath.Glob("/dev/*")
	if err != nil {
		return err
	}
	for _, name := range names {
		switch filepath.Base(name) {
		case "pts", "shm", "mqueue", "fd", "console", "ptmx", "null", "zero", "full", "random", "urandom", "tty":
			continue
		}
		_ = e.device(s, name, name, "rwm") // a device that goes away meanwhile, or a directory without any, is none to pass on
	}
	return nil
}

// initPrograms are small programs made to be process 1, by the names under which distributions have them. Each takes "--" and the command.
var initPrograms = []string{"docker-init", "tini-static", "tini", "catatonit", "dumb-init"}

// initPlace is where it is seen in the container.
const initPlace = "/dev/init"

// initProgram puts one before the command. It comes from the host, so it must be linked statically to run in any image.
func initProgram(s *specs.Spec, o Options) error {
	if !o.Init {
		return nil
	}
	for _, name := range initPrograms {
		file, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		s.Mounts = append(s.Mounts, specs.Mount{Type: "bind", Source: file, Destination: initPlace, Options: []string{"bind", "ro", "nosuid", "nodev"}})
		s.Process.Args = append([]string{initPlace, "--"}, s.Process.Args...)
		return nil
	}
	return fmt.Errorf("--init needs one of the programs %s: install the package tini", strings.Join(initPrograms, ", "))
}
