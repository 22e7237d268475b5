// Command step runs a program in a container: a process to which the kernel shows things of its own.
//
//	uts.go      a host name
//	pid.go      process ids
//	mount.go    files
//	cgroup.go   limits
//	overlay.go  layers
//	image.go    images, and how they are started
//	layer.go    a layer, from its archive
//	network.go  interfaces, addresses, ports
//	user.go     user ids
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

const help = `Run PROGRAM in a container. What it can have of its own:

  step run --hostname box hostname      a host name
  step run sh -c 'echo $$'              process ids
  step run --rootfs DIR sh              files
  step run --memory 64M sh              limits
  step run --layer DIR --layer DIR sh   layers
  step run alpine sh                    all that an image says, after step pull alpine
  step run --network bridge sh          interfaces, addresses, ports
  step run id                           user ids, for whoever isn't root already

The exit code is PROGRAM's, or 128+n if signal n ended it; 127 if PROGRAM is not
there, 126 if it can't be executed, 125 if there is no container to run it in.`

// container is what the user asked for. The parent sends it to the child as JSON.
type container struct {
	Arguments []string // the program and its arguments
	UTS       uts
	Mounts    mounts
	Limits    limits
	Overlay   overlay
	Image     image
	Network   network
}

func main() {
	c := &container{}
	step := &cobra.Command{Use: "step", SilenceErrors: true, SilenceUsage: true}
	step.CompletionOptions.DisableDefaultCmd = true
	run := &cobra.Command{Use: "run [flags] PROGRAM|IMAGE [ARG...]", Short: "Run a program in a container", Long: help}
	run.Args = cobra.MinimumNArgs(1)
	run.RunE = func(_ *cobra.Command, args []string) error { c.Arguments = args; return c.parent() }
	run.Flags().SetInterspersed(false) // what follows PROGRAM is PROGRAM's
	c.UTS.flags(run)
	c.Mounts.flags(run)
	c.Limits.flags(run)
	c.Overlay.flags(run)
	c.Network.flags(run)
	child := &cobra.Command{Use: "child", Hidden: true, RunE: func(*cobra.Command, []string) error { return c.child() }}
	step.AddCommand(append(imageCommands(), run, child)...)
	step.AddCommand(insideCommand(step))
	if err := step.Execute(); err != nil {
		os.Exit(exitCode(err))
	}
}

// parent starts this binary again, as a child in new namespaces, tells it what is wanted, and waits.
func (c *container) parent() error {
	runtime.LockOSThread() // Pdeathsig comes when the thread that made the child ends, prctl(2)
	signals := catch()
	receive, send, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("making a pipe: %w", err)
	}
	// Descriptors that whoever started us left open end here: CVE-2024-21626 was one that reached a container.
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("closing inherited descriptors: %w", err)
	}
	child := &exec.Cmd{Path: "/proc/self/exe", Args: []string{os.Args[0], "child"}}
	child.Stdin, child.Stdout, child.Stderr, child.ExtraFiles = os.Stdin, os.Stdout, os.Stderr, []*os.File{receive}
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUTS | unix.CLONE_NEWPID | unix.CLONE_NEWNS}
	child.SysProcAttr.Pdeathsig = unix.SIGKILL // when the parent dies, so does the container
	if err := c.Image.parent(c); err != nil {
		return err
	}
	defer c.Overlay.remove()
	if err := c.Overlay.create(); err != nil {
		return err
	}
	defer c.Limits.remove()
	if err := c.Limits.create(); err != nil {
		return err
	}
	defer c.Network.remove()
	if err := c.Network.create(c, child.SysProcAttr); err != nil {
		return err
	}
	if err := child.Start(); err != nil {
		return fmt.Errorf("creating the namespaces: %w", err)
	}
	defer child.Wait() // an empty cgroup is needed to remove it, so no child may stay behind
	defer child.Process.Kill()
	if err := c.Limits.join(child.Process.Pid); err != nil {
		return err
	}
	if err := c.Network.join(child.Process.Pid); err != nil {
		return err
	}
	receive.Close()
	if err := json.NewEncoder(send).Encode(c); err != nil {
		return fmt.Errorf("sending the configuration: %w", err)
	}
	return wait(child, send, signals)
}

// child is inside. It waits for the configuration, prepares what can only be prepared there, and starts the program.
func (c *container) child() error {
	signals := catch()
	pipe := os.NewFile(3, "pipe") // the first of ExtraFiles
	if err := json.NewDecoder(pipe).Decode(c); err != nil {
		return fmt.Errorf("receiving the configuration: %w", err)
	}
	pipe.Close()
	if err := c.UTS.child(); err != nil {
		return err
	}
	if err := c.Network.child(); err != nil {
		return err
	}
	if err := c.Mounts.private(); err != nil {
		return err
	}
	if err := c.Overlay.child(&c.Mounts.Rootfs); err != nil {
		return err
	}
	if err := c.Mounts.child(); err != nil {
		return err
	}
	if err := c.Image.child(); err != nil {
		return err
	}
	path, err := exec.LookPath(c.Arguments[0])
	if err != nil {
		return err
	}
	if err := c.Limits.child(); err != nil {
		return err
	}
	return runAsInit(&exec.Cmd{Path: path, Args: c.Arguments, SysProcAttr: &c.Image.process}, signals)
}

// exitCode says what went wrong, unless the child has said it, and chooses the code that Docker would.
func exitCode(err error) int {
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		return code(ended.Sys().(syscall.WaitStatus))
	}
	if errors.Is(err, unix.EPERM) {
		err = fmt.Errorf("%w: run as root, or inside \"unshare -Ur\"", err)
	}
	fmt.Fprintln(os.Stderr, "step:", err)
	if _, ok := errors.AsType[*exec.Error](err); !ok {
		return 125
	}
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return 127
	}
	return 126
}

// code is the program's own, or 128+n if signal n ended it.
func code(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}
