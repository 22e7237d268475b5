package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/internal/script"
)

// A listener is who waits for descriptors at a socket.
type listener struct {
	t      *testing.T
	socket *net.UnixListener
	path   string
}

func listen(t *testing.T, name string) listener {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return listener{t, l, name}
}

// receive takes one descriptor.
func (l listener) receive() *os.File {
	l.t.Helper()
	if err := l.socket.SetDeadline(time.Now().Add(script.Slow(10 * time.Second))); err != nil {
		l.t.Fatal(err)
	}
	conn, err := l.socket.AcceptUnix()
	if err != nil {
		l.t.Fatal(err)
	}
	defer conn.Close()
	name, oob := make([]byte, 4096), make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := conn.ReadMsgUnix(name, oob)
	if err != nil {
		l.t.Fatal(err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(messages) != 1 {
		l.t.Fatalf("%d messages: %v", len(messages), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		l.t.Fatalf("%d descriptors: %v", len(fds), err)
	}
	_ = unix.SetNonblock(fds[0], true)
	f := os.NewFile(uintptr(fds[0]), string(name[:n]))
	l.t.Cleanup(func() { f.Close() })
	return f
}

// session reads a terminal until a text comes.
func expect(t *testing.T, terminal *os.File, text string) {
	t.Helper()
	if err := terminal.SetReadDeadline(time.Now().Add(script.Slow(10 * time.Second))); err != nil {
		t.Fatal(err)
	}
	var seen strings.Builder
	for b := bufio.NewReader(terminal); !strings.Contains(seen.String(), text); {
		c, err := b.ReadByte()
		if err != nil {
			t.Fatalf("waiting for %q: %v; so far:\n%s", text, err, seen.String())
		}
		seen.WriteByte(c)
	}
}

// The terminal's master goes to whoever listens at the socket: it is the container's controlling terminal, of the size asked for.
func TestConsoleSocket(t *testing.T) {
	b := bundle(t, func(s *specs.Spec) {
		s.Process.Terminal = true
		s.Process.ConsoleSize = &specs.Box{Height: 33, Width: 99}
	}, "sh", "-c", "stty size; read word; echo I read $word; exec sleep 1000")
	console := listen(t, filepath.Join(b.work, "c"))
	pidfds := listen(t, filepath.Join(b.work, "p"))
	const id = "stave-test-console"
	if text, err := b.do("create", id); err == nil || !strings.Contains(text, "--console-socket") {
		t.Errorf("create without a socket: %v: %s", err, text)
	}
	b.must("create", "--console-socket", console.path, "--pidfd-socket", pidfds.path, id)
	t.Cleanup(func() { b.must("delete", "--force", id) })
	terminal, pidfd := console.receive(), pidfds.receive()
	if terminal.Name() != "/dev/ptmx" {
		t.Errorf("the terminal came as %q", terminal.Name())
	}
	b.must("start", id)
	expect(t, terminal, "33 99")
	fmt.Fprintln(terminal, "hello")
	expect(t, terminal, "I read hello")

	b.must("exec", "--tty", "--detach", "--console-socket", console.path, id, "sh", "-c", "tty; exec sleep 1000")
	expect(t, console.receive(), "/dev/pts/1")
	if text, err := b.do("exec", "--detach", "--console-socket", console.path, id, "true"); err == nil {
		t.Errorf("a socket without a terminal is taken: %s", text)
	}
	if err := unix.PidfdSendSignal(int(pidfd.Fd()), unix.SIGKILL, nil, 0); err != nil {
		t.Errorf("the pidfd: %v", err)
	}
}

// Whoever supervises system calls gets the filter's listener, and hears whose it is.
func TestSeccompListener(t *testing.T) {
	agent := listen(t, filepath.Join(t.TempDir(), "s"))
	b := bundle(t, func(s *specs.Spec) {
		s.Linux.Seccomp = &specs.LinuxSeccomp{
			DefaultAction: specs.ActAllow, ListenerPath: agent.path, ListenerMetadata: "for me",
			Syscalls: []specs.LinuxSyscall{{Names: []string{"acct"}, Action: specs.ActNotify}},
		}
	}, "sleep", "1000")
	const id = "stave-test-listener"
	b.must("create", id)
	t.Cleanup(func() { b.must("delete", "--force", id) })
	listener := agent.receive()
	var got specs.ContainerProcessState
	if err := json.Unmarshal([]byte(listener.Name()), &got); err != nil {
		t.Fatal(err)
	}
	if got.State.ID != id || got.Pid == 0 || got.Pid != got.State.Pid || got.Metadata != "for me" || len(got.Fds) != 1 {
		t.Errorf("the listener came with %s", listener.Name())
	}
	link, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", listener.Fd()))
	if err != nil || !strings.Contains(link, "seccomp notify") {
		t.Errorf("it is %s (%v)", link, err)
	}
}
