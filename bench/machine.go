package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"stave/internal/vm/guest"
	"stave/toolbox/rootfs"
)

const qemu = "qemu-system-x86_64"

// machine is a virtual machine with as little in it as there can be: a kernel, a first process that loads two drivers, and a disk with
// the files that the containers have, too. A usual one starts a whole distribution, and takes that much longer and more.
type machine struct {
	workshop
	kernel      guest.Kernel
	accelerator string
}

// errNoMachine is why there is no column for virtual machines, with the way to one.
type errNoMachine struct{ why, how string }

func (e errNoMachine) Error() string { return e.why + ": " + e.how }

// newMachine makes what a virtual machine starts from.
func newMachine(ctx context.Context, w workshop) (*machine, error) {
	if runtime.GOARCH != "amd64" {
		return nil, errNoMachine{"this is written for amd64, and this machine is " + runtime.GOARCH, "measure on another"}
	}
	if _, err := exec.LookPath(qemu); err != nil {
		return nil, errNoMachine{qemu + " is not installed",
			"apt-get install qemu-system-x86 (Debian, Ubuntu), dnf install qemu-system-x86 (Fedora) or pacman -S qemu-system-x86 (Arch)"}
	}
	kernel, err := guest.FetchKernel(ctx)
	if err != nil && ctx.Err() == nil {
		return nil, errNoMachine{err.Error(), "the kernel is taken from Debian's package; elsewhere a container of Debian will do, such as .devcontainer"}
	}
	if err != nil {
		return nil, err
	}
	m := &machine{workshop: w, kernel: kernel}
	start := guest.Initramfs{Init: w.job, Modules: []string{"virtio_pci", "virtio_blk"}}
	if err := start.Write(m.path("initramfs"), kernel); err != nil {
		return nil, err
	}
	if err := rootfs.Build(ctx, m.path("rootfs"), rootfs.Options{}); err != nil {
		return nil, err
	}
	return m, guest.MakeDisk(ctx, m.disk(), "1G", m.path("rootfs"))
}

func (m *machine) path(name string) string { return filepath.Join(m.dir, name) }
func (m *machine) disk() string            { return m.path("disk") }
func (m *machine) file() string            { return "/file" }

func (m *machine) command(ctx context.Context, job ...string) *exec.Cmd {
	cpu := "max"
	if m.accelerator == "kvm" {
		cpu = "host"
	}
	return exec.CommandContext(ctx, qemu,
		"-accel", m.accelerator, "-cpu", cpu, "-smp", "1", "-m", fmt.Sprint(memory),
		"-nodefaults", "-display", "none", "-net", "none", "-no-reboot",
		"-kernel", m.kernel.Image, "-initrd", m.path("initramfs"),
		// What follows -- are the arguments of /init. panic=-1 with -no-reboot: a kernel that gives up ends qemu.
		"-append", "console=ttyS0 quiet panic=-1 -- "+strings.Join(job, " "),
		"-drive", "if=virtio,format=raw,cache="+m.cache()+",file="+m.disk(),
		"-chardev", "file,id=console,path="+m.path("console"), "-serial", "chardev:console",
		"-chardev", "stdio,id=results,signal=off", "-serial", "chardev:results")
}

// cache none keeps the machine's disk out of the memory of the one that it runs on, or its reads would come from there. Not every
// filesystem has that (open(2), O_DIRECT).
func (m *machine) cache() string {
	fd, err := unix.Open(m.disk(), unix.O_RDWR|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if err != nil {
		return "writeback"
	}
	unix.Close(fd)
	return "none"
}

// said is the end of the console.
func (m *machine) said() string {
	b, err := os.ReadFile(m.path("console"))
	if err != nil {
		return ""
	}
	const enough = 2 << 10
	return string(b[max(0, len(b)-enough):])
}

// trial is how long a machine with hardware support may take to its first word. Where that support hangs, as it may on
// a machine that is virtual itself, nothing else would tell.
const trial = 5 * time.Second

// accelerate chooses the accelerator and says why it isn't kvm if it isn't.
func (m *machine) accelerate(ctx context.Context) (why string, err error) {
	m.accelerator = "kvm"
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err == nil {
		f.Close()
		if _, _, err = ask[any](ctx, m, trial, "hello"); err == nil || ctx.Err() != nil {
			return "", err
		}
		why = fmt.Sprintf("a trial with kvm had not said a word after %s", inSeconds(trial.Seconds()))
	} else {
		why = fmt.Sprintf("kvm can't be used here: %v", err)
		if errors.Is(err, os.ErrPermission) {
			why += " (being in the group kvm helps)"
		}
	}
	m.accelerator = "tcg"
	_, _, err = ask[any](ctx, m, patience, "hello")
	return why, err
}

// version is qemu's, such as 7.2.22.
func (m *machine) version(ctx context.Context) string {
	out, _ := exec.CommandContext(ctx, qemu, "--version").Output()
	_, after, _ := bytes.Cut(out, []byte("version "))
	version, _, _ := bytes.Cut(after, []byte(" "))
	return string(bytes.TrimSpace(version))
}
