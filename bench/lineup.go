package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// The programs, which are the columns.
const (
	ours   = "stave"
	crun   = "crun"
	runc   = "runc"
	bwrap  = "bubblewrap"
	docker = "docker"
	podman = "podman"
)

// The rows that are timed.
const (
	rowRun    = "run"
	rowCycle  = "create, start, delete"
	rowExec   = "exec"
	rowHost   = "stave run, host network"
	rowNone   = "stave run, no network"
	dockerURL = "unix:///run/docker.sock"
)

var how = map[string]string{
	rowRun: "stave-oci, crun and runc run a bundle whose program ends at once, from the command's start to its end. Bubblewrap gets namespaces, " +
		"capabilities and mounts like the bundle's, but does less: it has no cgroups, no state of a container, and was given no seccomp filter",
	rowCycle:    "the three commands one after the other on the same bundle, delete with --force; their times added",
	rowExec:     "a program that ends at once, run in a container that runs already",
	rowHost:     "stave run, docker run --rm and podman run --rm on the same image, with --network host",
	rowNone:     "the same with --network none",
	"peak":      "the peak of memory that the kernel counts for the commands' own cgroup, with caches and what the kernel uses itself; the median of several. Docker's daemon and its helpers, which do the work, aren't in it",
	rowCreated:  "Pss of all processes that a container has which is created and not started: the one that waits; mean of several containers",
	rowRunning:  "the same of one that runs by run --detach: its program of some 130 bytes, if nothing stays with it",
	rowAttended: "the same with who stays with the container: of stave run the command itself, which waits in the foreground; of docker run -d the shim, without the daemon; of podman run -d conmon",
}

// A lineup is who takes part, ready to.
type lineup struct {
	*arena
	programs []installed
}

// has tells whether a program takes part.
func (l lineup) has(name string) bool {
	return slices.ContainsFunc(l.programs, func(p installed) bool { return p.Name == name && p.Missing == "" })
}

// prepare makes bundles and images, and finds out who is installed.
func (a *arena) prepare(ctx context.Context) (l lineup, err error) {
	a.progress("making bundles and an image")
	l.arena = a
	rootfs := a.path("rootfs")
	if err := errors.Join(makeRootfs(rootfs), makeImage(a.path("image"), rootfs)); err != nil {
		return l, err
	}
	if err := a.all(ctx, "", [][]string{{a.stave, "--root", a.path("root"), "load", a.path("image")}}); err != nil {
		return l, err
	}
	l.programs = []installed{{Name: ours, Version: "stave and stave-oci of this source"}}
	for _, p := range []struct {
		name, file, pkg string
		ready           func(context.Context) error
	}{{crun, "crun", "crun", nil}, {runc, "runc", "runc", nil}, {bwrap, "bwrap", "bubblewrap", nil}, {docker, "dockerd", "docker.io", a.startDocker}, {podman, "podman", "podman", a.startPodman}} {
		i := installed{Name: p.name}
		if _, err := exec.LookPath(p.file); err != nil {
			i.Missing = "it is not installed: apt-get install " + p.pkg
		} else if i.Version = version(ctx, p.file); p.ready != nil {
			a.progress("starting " + p.name)
			if err := p.ready(ctx); err != nil {
				i.Missing = err.Error()
			}
		}
		l.programs = append(l.programs, i)
	}
	return l, nil
}

// version is the first line that a program says of itself.
func version(ctx context.Context, program string) string {
	out, _ := exec.CommandContext(ctx, program, "--version").Output()
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

// startDocker starts a daemon of the sandbox's own, which ends with it.
func (a *arena) startDocker(ctx context.Context) error {
	log, err := os.Create(a.path("dockerd.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	if err := os.WriteFile(a.path("daemon.json"), []byte("{}"), 0o600); err != nil {
		return err
	}
	daemon := exec.Command("dockerd", "--config-file", a.path("daemon.json"), "--data-root", a.path("docker"), "--exec-root", "/run/docker", "--pidfile", "/run/docker.pid",
		"-H", dockerURL, "--cgroup-parent", a.cgroup+"/docker", "--bridge", "none", "--iptables=false", "--log-level", "error")
	daemon.Stdout, daemon.Stderr = log, log
	if err := daemon.Start(); err != nil {
		return err
	}
	for deadline := time.Now().Add(limit); ; time.Sleep(50 * time.Millisecond) {
		_, err := a.do(ctx, "", a.docker("version"))
		if err == nil {
			break
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			b, _ := os.ReadFile(log.Name())
			return errors.Join(err, errors.New(string(b)))
		}
	}
	_, err = a.do(ctx, "", a.docker("load", "-i", a.path("image")))
	return err
}

// podmanSettings lower podman's limits, which root can't always set.
const podmanSettings = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
`

func (a *arena) startPodman(ctx context.Context) error {
	conf := a.path("containers.conf")
	if err := errors.Join(os.WriteFile(conf, []byte(podmanSettings), 0o600), os.Setenv("CONTAINERS_CONF", conf)); err != nil {
		return err
	}
	_, err := a.do(ctx, "", a.podman("load", "-i", a.path("image")))
	return err
}

func (a *arena) docker(args ...string) []string {
	return append([]string{"docker", "-H", dockerURL}, args...)
}

func (a *arena) podman(args ...string) []string {
	return append([]string{"podman", "--root", a.path("podman"), "--runroot", "/run/podman"}, args...)
}

// runtime is a command of those that have runc's command line. Their state is in memory, as it is by default.
func (a *arena) runtime(program string, args ...string) []string {
	file := program
	if program == ours {
		file = a.oci
	}
	return append([]string{file, "--root", "/run/state-" + program}, args...)
}

// runtimes are those that take part.
func (l lineup) runtimes() []string {
	return slices.DeleteFunc([]string{ours, crun, runc}, func(name string) bool { return !l.has(name) })
}

// contests are all that is timed.
func (l lineup) contests() []contest {
	run, cycle, exec := contest{row: rowRun}, contest{row: rowCycle}, contest{row: rowExec}
	for _, r := range l.runtimes() {
		run.contenders = append(run.contenders, contender{program: r, timed: [][]string{l.runtime(r, "run", "--bundle", bundleEnds, newName)}})
		cycle.contenders = append(cycle.contenders, contender{program: r, timed: [][]string{
			l.runtime(r, "create", "--bundle", bundleEnds, newName), l.runtime(r, "start", newName), l.runtime(r, "delete", "--force", newName)}})
		exec.contenders = append(exec.contenders, contender{program: r, before: [][]string{l.runtime(r, "run", "--detach", "--bundle", bundleWaits, newName)},
			timed: [][]string{l.runtime(r, "exec", newName, ends)}, after: [][]string{l.runtime(r, "delete", "--force", newName)}})
	}
	if l.has(bwrap) {
		run.contenders = append(run.contenders, contender{program: bwrap, timed: [][]string{{"bwrap", "--bind", l.path("rootfs"), "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp",
			"--ro-bind", "/sys", "/sys", "--mqueue", "/dev/mqueue", "--unshare-all", "--hostname", "bench", "--cap-drop", "ALL", "--new-session", "--clearenv", ends}}})
	}
	if l.has(docker) {
		exec.contenders = append(exec.contenders, contender{program: docker, before: [][]string{l.docker("run", "-d", "--name", newName, "--network", "none", image, waits)},
			timed: [][]string{l.docker("exec", newName, ends)}, after: [][]string{l.docker("rm", "-f", newName)}})
	}
	if l.has(podman) {
		exec.contenders = append(exec.contenders, contender{program: podman, before: [][]string{l.podmanRun("-d", "--name", newName, "--network", "none", image, waits)},
			timed: [][]string{l.podman("exec", newName, ends)}, after: [][]string{l.podman("rm", "-f", "-t", "0", newName)}})
	}
	return []contest{run, cycle, exec, l.images(rowHost, "host"), l.images(rowNone, "none")}
}

func (l lineup) podmanRun(args ...string) []string {
	return l.podman(append([]string{"run", "--cgroup-parent", l.cgroup + "/podman"}, args...)...)
}

// images is a contest of those who run images.
func (l lineup) images(row, network string) contest {
	c := contest{row: row, contenders: []contender{{program: ours, timed: [][]string{{l.stave, "--root", l.path("root"), "run", "--network", network, image}}}}}
	if l.has(docker) {
		c.contenders = append(c.contenders, contender{program: docker, timed: [][]string{l.docker("run", "--rm", "--network", network, image)}})
	}
	if l.has(podman) {
		c.contenders = append(c.contenders, contender{program: podman, timed: [][]string{l.podmanRun("--rm", "--network", network, image)}})
	}
	return c
}

// The rows of memory held.
const (
	rowCreated  = "memory held, created"
	rowRunning  = "memory held, running"
	rowAttended = "memory held, stave run"
)

// holders are those whose containers are looked at.
func (l lineup) holders(row string) (list []holder) {
	if row == rowAttended {
		return l.imageHolders()
	}
	for _, r := range l.runtimes() {
		command := []string{"create"}
		if row == rowRunning {
			command = []string{"run", "--detach"}
		}
		list = append(list, holder{program: r, runs: row == rowRunning, make: [][]string{l.runtime(r, append(command, "--bundle", bundleWaits, newName)...)},
			drop: [][]string{l.runtime(r, "delete", "--force", newName)}})
	}
	return list
}

func (l lineup) imageHolders() []holder {
	list := []holder{{program: ours, runs: true, stays: true, make: [][]string{{l.stave, "--root", l.path("root"), "run", "--network", "none", image, waits}}}}
	if l.has(docker) {
		list = append(list, holder{program: docker, runs: true, make: [][]string{l.docker("run", "-d", "--name", newName, "--network", "none", image, waits)},
			drop: [][]string{l.docker("rm", "-f", newName)}})
	}
	if l.has(podman) {
		list = append(list, holder{program: podman, runs: true, make: [][]string{l.podmanRun("-d", "--name", newName, "--network", "none", image, waits)},
			drop: [][]string{l.podman("rm", "-f", "-t", "0", newName)}})
	}
	return list
}
