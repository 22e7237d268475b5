package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ErrNoSystemd is returned where systemd is to make a cgroup and doesn't run.
var ErrNoSystemd = errors.New("no systemd runs here (sd_booted(3)): leave --systemd-cgroup out, and have the caller use cgroupfs " +
	`(docker: "exec-opts": ["native.cgroupdriver=cgroupfs"]; podman: --cgroup-manager cgroupfs)`)

// ErrNoUserSystemd is returned where a user's own systemd is to make a cgroup and can't be found.
var ErrNoUserSystemd = errors.New("your own systemd isn't to be found, by $XDG_RUNTIME_DIR/systemd/private: log in by a session that " +
	"has one (loginctl(1)), or leave --systemd-cgroup out")

// answering is how long systemd may take. It waits for nobody else, so it takes milliseconds.
const answering = 30 * time.Second

// What systemd calls its things on D-Bus (org.freedesktop.systemd1(5)).
const (
	systemdPath    = "/org/freedesktop/systemd1"
	systemdName    = "org.freedesktop.systemd1"
	systemdManager = "org.freedesktop.systemd1.Manager"
	errUnitExists  = "org.freedesktop.systemd1.UnitExists"
	errNoSuchUnit  = "org.freedesktop.systemd1.NoSuchUnit"
)

// socket is where systemd itself listens, which systemctl(1) uses, too: there need not be a message bus.
func (u Unit) socket() (string, error) {
	if u.User {
		path := filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "systemd/private")
		if _, err := os.Lstat(path); err != nil || !filepath.IsAbs(path) {
			return "", ErrNoUserSystemd
		}
		return path, nil
	}
	if info, err := os.Lstat("/run/systemd/system"); err != nil || !info.IsDir() {
		return "", ErrNoSystemd
	}
	return "/run/systemd/private", nil
}

// talk begins a conversation.
func (u Unit) talk() (*bus, error) {
	path, err := u.socket()
	if err != nil {
		return nil, err
	}
	b, err := dial(path, answering)
	if err != nil {
		return nil, fmt.Errorf("talking to systemd at %s: %w", path, err)
	}
	return b, nil
}

// get is a property of the manager.
func (b *bus) get(name string) (string, error) {
	body, err := b.call("org.freedesktop.DBus.Properties", "Get", systemdManager, name)
	if err != nil || len(body) == 0 {
		return "", err
	}
	text, _ := body[0].(string)
	return text, nil
}

// known are the properties that this systemd has.
func (b *bus) known(list []property) ([]property, error) {
	var all []property
	for _, p := range list {
		if p.since > 0 {
			version, err := b.version()
			if err != nil {
				return nil, err
			}
			if version < p.since {
				continue
			}
		}
		all = append(all, p)
	}
	return all, nil
}

// version is systemd's: 252, of "252.38-1~deb12u1".
func (b *bus) version() (int, error) {
	text, err := b.get("Version")
	if err != nil {
		return 0, fmt.Errorf("asking for its version: %w", err)
	}
	digits := strings.TrimLeft(text, "v")
	if end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		digits = digits[:end]
	}
	return strconv.Atoi(digits)
}

// start makes the unit, with the child in it if it is a scope.
func (r *request) start(child int) error {
	b, err := r.talk()
	if err != nil {
		return err
	}
	defer b.close()
	list, err := b.known(r.properties)
	if err != nil {
		return err
	}
	if !r.slice() {
		list = append([]property{{name: "PIDs", value: []uint32{uint32(child)}}}, list...)
	}
	start := func() error {
		return b.job(systemdManager, "StartTransientUnit", r.Name, "replace", list, noUnits{})
	}
	err = start()
	if named(err, errUnitExists) {
		// One that has failed stays known, to be looked at, and is in the way.
		if _, err := b.call(systemdManager, "ResetFailedUnit", r.Name); err != nil {
			return err
		}
		err = start()
	}
	return err
}

// Stop has systemd forget the unit. One that it doesn't know, or that nobody knows, is no error.
func (u Unit) Stop() error {
	b, err := u.talk()
	if errors.Is(err, ErrNoSystemd) || errors.Is(err, ErrNoUserSystemd) {
		return nil
	}
	if err == nil {
		defer b.close()
		if err = b.job(systemdManager, "StopUnit", u.Name, "replace"); named(err, errNoSuchUnit) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("asking systemd to stop %s: %w", u.Name, err)
	}
	_, _ = b.call(systemdManager, "ResetFailedUnit", u.Name) // it may not have failed, and be gone
	return nil
}

// change sets properties of the unit, until it ends.
func (u Unit) change(list []property) error {
	if len(list) == 0 {
		return nil
	}
	b, err := u.talk()
	if err == nil {
		defer b.close()
		var known []property
		if known, err = b.known(list); err == nil && len(known) > 0 {
			const runtime = true
			_, err = b.call(systemdManager, "SetUnitProperties", u.Name, runtime, known)
		}
	}
	if err != nil {
		return fmt.Errorf("asking systemd to set {%s} of %s: %w", textOf(list), u.Name, err)
	}
	return nil
}

// UserManager asks a user's own systemd which cgroup it divides.
func (l Layout) UserManager() (Manager, error) {
	h, ok := l.With(v2)
	if !ok {
		return Manager{}, nil
	}
	b, err := Unit{User: true}.talk()
	if err != nil {
		return Manager{}, err
	}
	defer b.close()
	group, err := b.get("ControlGroup")
	if err != nil {
		return Manager{}, fmt.Errorf("asking your systemd for its cgroup: %w", err)
	}
	return Manager{Cgroup: group, Controllers: readWords(filepath.Join(h.Mount, group, "cgroup.controllers"))}, nil
}
