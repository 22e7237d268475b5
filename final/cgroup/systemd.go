package cgroup

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
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

// A conversation is one with systemd, over D-Bus.
type conversation struct {
	conn *dbus.Conn
	end  time.Time
}

// talk begins a conversation.
func (u Unit) talk() (*conversation, error) {
	path, err := u.socket()
	if err != nil {
		return nil, err
	}
	c := &conversation{end: time.Now().Add(answering)}
	socket, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err == nil {
		err = c.begin(socket)
	}
	if err != nil {
		return nil, fmt.Errorf("talking to systemd at %s: %w", path, c.explain(err))
	}
	return c, nil
}

// begin names nobody: the kernel tells systemd who we are, whatever we are called in a user namespace.
func (c *conversation) begin(socket *net.UnixConn) error {
	conn, err := dbus.DialUnix(socket)
	if err != nil {
		socket.Close()
		return err
	}
	c.conn = conn
	if err = socket.SetDeadline(c.end); err == nil {
		err = conn.Auth([]dbus.Auth{dbus.AuthExternal("")})
	}
	if err != nil {
		conn.Close()
	}
	return err
}

func (c *conversation) close() { c.conn.Close() }

// explain says in words that there will be no answer.
func (c *conversation) explain(err error) error {
	switch {
	case err != nil && time.Now().After(c.end):
		return errors.New("it takes too long")
	case errors.Is(err, io.EOF) || errors.Is(err, dbus.ErrClosed):
		return errors.New("it hung up before it was done")
	}
	return err
}

func (c *conversation) manager() dbus.BusObject { return c.conn.Object(systemdName, systemdPath) }

// call calls one of the manager's methods and puts its results there.
func (c *conversation) call(method string, args []any, results ...any) error {
	call := c.manager().Call(systemdManager+"."+method, 0, args...)
	if call.Err != nil || len(results) == 0 {
		return c.explain(call.Err)
	}
	return call.Store(results...)
}

// job calls a method that begins a job of systemd's, and waits for its end, which a signal tells: maybe before the method returns.
func (c *conversation) job(method string, args ...any) error {
	signals := make(chan *dbus.Signal, 64)
	c.conn.Signal(signals)
	defer c.conn.RemoveSignal(signals)
	var job dbus.ObjectPath
	if err := c.call(method, args, &job); err != nil {
		return err
	}
	for s := range signals {
		if s.Name != systemdManager+".JobRemoved" || len(s.Body) != 4 || s.Body[1] != job {
			continue
		}
		if s.Body[3] != "done" {
			return fmt.Errorf("its job ended with %q (journalctl says more)", s.Body[3])
		}
		return nil
	}
	return c.explain(dbus.ErrClosed)
}

// named tells whether an error is systemd's, of that name.
func named(err error, name string) bool {
	var e dbus.Error
	return errors.As(err, &e) && e.Name == name
}

// get is a property of the manager.
func (c *conversation) get(name string) (text string, err error) {
	err = c.explain(c.manager().StoreProperty(systemdManager+"."+name, &text))
	return text, err
}

// An assignment is a property as it is sent.
type assignment struct {
	Name  string
	Value dbus.Variant
}

// known are the properties that this systemd has.
func (c *conversation) known(list []property) ([]assignment, error) {
	var known []assignment
	for _, p := range list {
		if p.since > 0 {
			version, err := c.version()
			if err != nil {
				return nil, err
			}
			if version < p.since {
				continue
			}
		}
		known = append(known, assignment{p.name, dbus.MakeVariant(p.value)})
	}
	return known, nil
}

// version is systemd's: 252, of "252.38-1~deb12u1".
func (c *conversation) version() (int, error) {
	text, err := c.get("Version")
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
	c, err := r.talk()
	if err != nil {
		return err
	}
	defer c.close()
	list := r.properties
	if !r.slice() {
		list = append([]property{{name: "PIDs", value: []uint32{uint32(child)}}}, list...)
	}
	known, err := c.known(list)
	if err != nil {
		return err
	}
	var others []struct { // units to be started with it: none
		Name       string
		Properties []assignment
	}
	start := func() error { return c.job("StartTransientUnit", r.Name, "replace", known, others) }
	err = start()
	if named(err, errUnitExists) {
		// One that has failed stays known, to be looked at, and is in the way.
		if err := c.call("ResetFailedUnit", []any{r.Name}); err != nil {
			return err
		}
		err = start()
	}
	return err
}

// Stop has systemd forget the unit. One that it doesn't know, or that nobody knows, is no error.
func (u Unit) Stop() error {
	c, err := u.talk()
	if errors.Is(err, ErrNoSystemd) || errors.Is(err, ErrNoUserSystemd) {
		return nil
	}
	if err == nil {
		defer c.close()
		if err = c.job("StopUnit", u.Name, "replace"); named(err, errNoSuchUnit) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("asking systemd to stop %s: %w", u.Name, err)
	}
	_ = c.call("ResetFailedUnit", []any{u.Name}) // it may not have failed, and be gone
	return nil
}

// change sets properties of the unit, until it ends.
func (u Unit) change(list []property) error {
	if len(list) == 0 {
		return nil
	}
	c, err := u.talk()
	if err == nil {
		defer c.close()
		var known []assignment
		if known, err = c.known(list); err == nil && len(known) > 0 {
			const runtime = true
			err = c.call("SetUnitProperties", []any{u.Name, runtime, known})
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
	c, err := Unit{User: true}.talk()
	if err != nil {
		return Manager{}, err
	}
	defer c.close()
	group, err := c.get("ControlGroup")
	if err != nil {
		return Manager{}, fmt.Errorf("asking your systemd for its cgroup: %w", err)
	}
	return Manager{Cgroup: group, Controllers: readWords(filepath.Join(h.Mount, group, "cgroup.controllers"))}, nil
}
