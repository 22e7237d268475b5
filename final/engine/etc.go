package engine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"stave/final/overlay"
)

// etcFiles are the files of /etc that differ from container to container.
var etcFiles = []string{"hostname", "hosts", "resolv.conf"}

func (o Options) sharesUTS() bool { return o.UTS != "" && o.UTS != "private" }

// hostname is what a container is called: what the user says; else the name of whoever it shares the name or the network with, as in Docker; else its ID.
func (e *Engine) hostname(c *container, o Options) (string, error) {
	switch {
	case o.sharesUTS() && o.Hostname != "":
		return "", fmt.Errorf("--hostname with --uts %s would rename the other, too", o.UTS)
	case strings.ContainsFunc(o.Hostname, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return "", fmt.Errorf("--hostname %q: use letters, digits, hyphens and dots", o.Hostname)
	case o.Hostname != "":
		return o.Hostname, nil
	case o.UTS == "host":
		return os.Hostname()
	}
	for _, from := range []view{{flag: "--uts", mode: o.UTS}, {flag: "--network", mode: o.Network}} {
		if !strings.HasPrefix(from.mode, "container:") {
			continue
		}
		dir, err := e.shared(from.flag, from.mode)
		return strings.TrimSpace(readOr(filepath.Join(dir, "hostname"), c.ID)), err
	}
	return c.ID, nil
}

// shared is where the files of /etc are of whom a container shares a namespace with. It is empty for a namespace of its own.
func (e *Engine) shared(flag, mode string) (string, error) {
	if mode == "host" {
		return "/etc", nil
	}
	name, other := strings.CutPrefix(mode, "container:")
	if !other {
		return "", nil
	}
	r, err := e.running(name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", flag, err)
	}
	return filepath.Join(e.containers(), r.ID), nil
}

// writeFiles makes the directories that overlayfs needs and the files of /etc that differ from container to container.
func (e *Engine) writeFiles(c *container, o Options, hostname string) error {
	for _, name := range []string{"upper", "work"} {
		if err := os.Mkdir(c.path(name), 0o755); err != nil {
			return fmt.Errorf("making the container's directories: %w", err)
		}
	}
	hosts := "127.0.0.1\tlocalhost " + hostname + "\n::1\tlocalhost ip6-localhost ip6-loopback\n"
	resolv := ""
	network, err := e.shared("--network", o.Network)
	if err != nil {
		return err
	}
	if network != "" {
		hosts = readOr(filepath.Join(network, "hosts"), hosts)
		resolv = readOr(filepath.Join(network, "resolv.conf"), "")
	}
	for name, text := range map[string]string{"hostname": hostname + "\n", "hosts": hosts, "resolv.conf": resolv} {
		if err := writeFile(c.path(name), text); err != nil {
			return fmt.Errorf("writing the container's /etc/%s: %w", name, err)
		}
	}
	return nil
}

// makePlaces makes the files that those of /etc are mounted on, where the image hides the ones of the layer below it, in the container's own layer. Root of a
// user namespace could not: in a tree that belongs to the real root, /etc isn't its own. A link that leads to nothing, as resolv.conf of a system that runs
// systemd-resolved, is covered so, too.
func (c *container) makePlaces(below string) error {
	layers := append([]string{below}, c.Layers...)
	etc, err := overlay.Resolve(layers, "/etc")
	if errors.Is(err, fs.ErrNotExist) {
		etc, err = "/etc", nil
	}
	for _, name := range etcFiles {
		if err != nil {
			return err
		}
		if _, missing := overlay.Resolve(layers, "/etc/"+name); !errors.Is(missing, fs.ErrNotExist) {
			continue
		}
		if err = os.MkdirAll(c.path("upper"+etc), 0o755); err == nil {
			err = writeFile(c.path("upper"+etc+"/"+name), "")
		}
	}
	return err
}

func readOr(name, otherwise string) string {
	if b, err := os.ReadFile(name); err == nil {
		return string(b)
	}
	return otherwise
}

func writeFile(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, text)
	return errors.Join(err, f.Close())
}
