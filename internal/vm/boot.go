package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"

	"stave/internal/vm/protocol"
)

// machine is a virtual machine about to start.
type machine struct {
	dir       string // for sockets
	kernel    string
	initramfs string
	disk      string
	memory    int // MiB

	console io.Writer // gets what the kernel and init print
	input   io.Reader // goes to the console; may be nil
}

// boot runs the machine until it switches itself off, and hands each event to the function given.
func (m machine) boot(ctx context.Context, event func(protocol.Event)) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	console, err := net.Listen("unix", filepath.Join(m.dir, "console"))
	if err != nil {
		return err
	}
	defer console.Close()
	events, err := net.Listen("unix", filepath.Join(m.dir, "events"))
	if err != nil {
		return err
	}
	defer events.Close()

	var said bytes.Buffer
	qemu := exec.CommandContext(ctx, "qemu-system-x86_64", m.arguments()...)
	qemu.Stdout, qemu.Stderr = &said, &said
	if err := qemu.Start(); err != nil {
		return fmt.Errorf("starting qemu (Debian's package qemu-system-x86): %w", err)
	}
	// Whichever way qemu ends, its ends of the sockets close, and with them what reads here. If it ends before it has
	// connected, closing the listeners does the same.
	exited := make(chan error, 1)
	go func() {
		exited <- qemu.Wait()
		console.Close()
		events.Close()
	}()
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		m.relay(console)
	}()
	readErr := readEvents(events, event)
	if readErr != nil {
		stop() // what comes after would not be understood either
	}
	err = <-exited
	<-shown
	if ctx.Err() != nil && readErr == nil {
		return context.Cause(ctx)
	}
	if err != nil && readErr == nil {
		return fmt.Errorf("qemu: %w\n%s", err, said.String())
	}
	return readErr
}

func (m machine) arguments() []string {
	return []string{
		// No KVM: on machines that are virtual themselves it may be there and hang.
		"-accel", "tcg,thread=multi",
		"-smp", "2", "-m", fmt.Sprint(m.memory),
		"-nodefaults", "-display", "none", "-net", "none", "-no-reboot",
		"-kernel", m.kernel, "-initrd", m.initramfs,
		// panic=-1 with -no-reboot: a kernel that gives up ends qemu. cgroup_no_v1: as on most learners' machines.
		"-append", "console=ttyS0 quiet panic=-1 cgroup_no_v1=all",
		"-drive", "if=virtio,format=raw,cache=unsafe,file=" + m.disk,
		"-device", "virtio-rng-pci",
		"-chardev", "socket,id=console,path=" + filepath.Join(m.dir, "console"), "-serial", "chardev:console",
		"-chardev", "socket,id=events,path=" + filepath.Join(m.dir, "events"), "-serial", "chardev:events",
	}
}

// relay connects the console with whoever is out here.
func (m machine) relay(listener net.Listener) {
	conn, err := listener.Accept()
	if err != nil {
		return // qemu has ended, and says why
	}
	defer conn.Close()
	if m.input != nil {
		go io.Copy(conn, m.input) // ends with the connection, or with the program: a read of a terminal can't be stopped
	}
	io.Copy(m.console, conn)
}

func readEvents(listener net.Listener, event func(protocol.Event)) error {
	conn, err := listener.Accept()
	if err != nil {
		return nil // qemu has ended, and says why
	}
	defer conn.Close()
	for decoder := json.NewDecoder(conn); ; {
		var e protocol.Event
		err := decoder.Decode(&e)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the virtual machine's results: %w", err)
		}
		event(e)
	}
}
