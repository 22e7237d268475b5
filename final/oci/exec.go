package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/spf13/cobra"

	"stave/final/runtime"
)

// An execFailure is one of exec before its program ran. Its exit code isn't 1, which a program is more likely to have.
type execFailure struct{ error }

func (e *execFailure) Unwrap() error { return e.error }

// execFlags are the flags of exec.
type execFlags struct {
	runtime.ExecOptions
	file, cwd, user, label, apparmor, explain string
	env, caps                                 []string
	gids                                      []uint
	tty, detach, noNewPrivs                   bool
}

func execCommand(g *global) *cobra.Command {
	o := &execFlags{}
	c := &cobra.Command{
		Use:   "exec [flags] CONTAINER COMMAND [ARG...]",
		Short: "Run one more program in a container",
		Long: `Run one more program in a container. What isn't said by flags is as in the container's config.json. A file given with --process says all
of it: only the capabilities, oomScoreAdj, the labels and the scheduling are the container's if the file has none. The exit code is the
program's; 128+n if signal n ended it; 255 if it never ran.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			code, err := o.run(c, g, args)
			if err != nil {
				return &execFailure{fmt.Errorf("exec failed: %w", err)}
			}
			return exitCode(code)
		},
	}
	f := c.Flags()
	f.SetInterspersed(false)
	f.StringVarP(&o.file, "process", "p", "", "`file` with the process in the form of config.json's process")
	f.StringVar(&o.PidFile, "pid-file", "", "`file` to write the pid to")
	f.StringVar(&o.ConsoleSocket, "console-socket", "", "Unix `socket` to send the terminal's master to")
	f.StringVar(&o.PidfdSocket, "pidfd-socket", "", "Unix `socket` to send a pidfd to")
	f.BoolVarP(&o.detach, "detach", "d", false, "leave the program to itself once it runs")
	f.BoolVarP(&o.tty, "tty", "t", false, "give it a terminal")
	f.StringVar(&o.cwd, "cwd", "", "working `directory` in the container")
	f.StringArrayVarP(&o.env, "env", "e", nil, "set a variable: `NAME=VALUE`")
	f.StringVarP(&o.user, "user", "u", "", "`uid[:gid]`")
	f.UintSliceVarP(&o.gids, "additional-gids", "g", nil, "more `groups`, by number")
	f.StringArrayVarP(&o.caps, "cap", "c", nil, "add a `capability`")
	f.BoolVar(&o.noNewPrivs, "no-new-privs", false, "let setuid programs gain nothing")
	f.StringVar(&o.label, "process-label", "", "SELinux `label`")
	f.StringVar(&o.apparmor, "apparmor", "", "AppArmor `profile`")
	f.IntVar(&o.PreserveFDs, "preserve-fds", 0, "`how many` descriptors after 0, 1 and 2 the program gets")
	f.StringArrayVar(&o.Cgroups, "cgroup", nil, "join a cgroup below the container's: `[controller:]path`")
	f.BoolVar(&o.IgnorePaused, "ignore-paused", false, "also in a container that is paused")
	addExplain(f, &o.explain)
	return c
}

func (o *execFlags) run(c *cobra.Command, g *global, args []string) (int, error) {
	f := foreground(o.detach)
	i, err := g.containers().Running(args[0])
	if err != nil {
		return 0, err
	}
	if o.Process, err = o.process(c, i, args[1:]); err != nil {
		return 0, err
	}
	if o.Planned, err = explained(o.explain); err != nil {
		return 0, err
	}
	o.Warn = g.warn
	return i.Exec(o.ExecOptions, f)
}

// process is what is to run: the container's own process, changed by the flags or by a file.
func (o *execFlags) process(c *cobra.Command, i *runtime.Instance, args []string) (*specs.Process, error) {
	spec, err := i.Spec()
	if err != nil {
		return nil, err
	}
	p := &specs.Process{Cwd: "/"}
	if spec.Process != nil {
		*p = *spec.Process
	}
	if o.file != "" {
		p, err = fromFile(o.file, p)
	} else {
		p.Args, p.Terminal = args, o.tty
		err = o.change(c, p)
	}
	if err != nil {
		return nil, err
	}
	if len(p.Args) == 0 {
		return nil, errors.New("there is no program to run: name one after the container, or give --process")
	}
	return p, nil
}

// fromFile reads a process, and gives it those attributes of the container's that runc gives to one without its own. Rlimits, the umask and noNewPrivileges aren't
// among them.
func fromFile(name string, container *specs.Process) (*specs.Process, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	p := &specs.Process{}
	if err := json.Unmarshal(b, p); err != nil {
		return nil, fmt.Errorf("reading the process from %s: %w", name, err)
	}
	p.Capabilities = cmp.Or(p.Capabilities, container.Capabilities)
	p.OOMScoreAdj = cmp.Or(p.OOMScoreAdj, container.OOMScoreAdj)
	p.ApparmorProfile = cmp.Or(p.ApparmorProfile, container.ApparmorProfile)
	p.SelinuxLabel = cmp.Or(p.SelinuxLabel, container.SelinuxLabel)
	p.Scheduler = cmp.Or(p.Scheduler, container.Scheduler)
	p.IOPriority = cmp.Or(p.IOPriority, container.IOPriority)
	p.ExecCPUAffinity = cmp.Or(p.ExecCPUAffinity, container.ExecCPUAffinity)
	return p, nil
}

func (o *execFlags) change(c *cobra.Command, p *specs.Process) error {
	p.Env = append(p.Env, o.env...)
	for _, gid := range o.gids {
		if gid > math.MaxUint32 {
			return fmt.Errorf("--additional-gids %d: a group's number has 32 bits", gid)
		}
		p.User.AdditionalGids = append(p.User.AdditionalGids, uint32(gid))
	}
	if c.Flags().Changed("no-new-privs") {
		p.NoNewPrivileges = o.noNewPrivs
	}
	for _, set := range []struct {
		value string
		to    *string
	}{{o.cwd, &p.Cwd}, {o.label, &p.SelinuxLabel}, {o.apparmor, &p.ApparmorProfile}} {
		if set.value != "" {
			*set.to = set.value
		}
	}
	if len(o.caps) > 0 {
		addCapabilities(p, o.caps)
	}
	if o.user == "" {
		return nil
	}
	return setUser(&p.User, o.user)
}

// addCapabilities leaves the inheritable set alone (CVE-2022-27650), and so can't raise ambient ones unless there are inheritable ones already.
func addCapabilities(p *specs.Process, names []string) {
	if p.Capabilities == nil {
		p.Capabilities = &specs.LinuxCapabilities{}
	}
	c := p.Capabilities
	c.Bounding, c.Effective, c.Permitted = append(c.Bounding, names...), append(c.Effective, names...), append(c.Permitted, names...)
	if c.Inheritable != nil {
		c.Ambient = append(c.Ambient, names...)
	}
}

// setUser takes numbers alone, whole ones: what names mean is the container's business, and half a number would be somebody else (CVE-2026-30892).
func setUser(u *specs.User, text string) error {
	uid, gid, both := strings.Cut(text, ":")
	parsed, err := strconv.ParseUint(uid, 10, 32)
	if err != nil {
		return fmt.Errorf("--user %s: it is uid[:gid], in numbers", text)
	}
	u.UID = uint32(parsed)
	if both {
		if parsed, err = strconv.ParseUint(gid, 10, 32); err != nil {
			return fmt.Errorf("--user %s: it is uid[:gid], in numbers", text)
		}
		u.GID = uint32(parsed)
	}
	return nil
}
