package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// size is the size of the terminal we stand at, in rows and columns.
func size() (rows, columns uint) {
	w, h, err := term.GetSize(0)
	if err != nil {
		return 0, 0
	}
	return uint(h), uint(w)
}

// forwarded are the signals that are passed on to the container's first process.
var forwarded = []os.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2, unix.SIGCONT, unix.SIGWINCH}

// impatience is how many times someone asks a program to stop before it is made to. As process 1 it ignores what it doesn't handle (pid_namespaces(7)).
const impatience = 3

// attend passes on signals, and with a terminal what is typed and printed, until the function it returns is called: by then
// all output is out and our own terminal is as it was.
func attend(pidfd int, terminal *os.File, interactive bool) (ended func()) {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, forwarded...)
	var watching, copying sync.WaitGroup
	watching.Go(func() { watch(signals, pidfd, terminal) })
	restore := func() {}
	if terminal != nil {
		restore = attach(terminal, interactive, &copying)
	}
	return func() {
		copying.Wait()
		restore()
		signal.Stop(signals)
		close(signals)
		watching.Wait()
	}
}

func watch(signals <-chan os.Signal, pidfd int, terminal *os.File) {
	asked := 0
	for s := range signals {
		sig := s.(unix.Signal)
		if sig == unix.SIGWINCH && terminal != nil {
			if ws, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ); err == nil {
				_ = unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, ws)
			}
			continue
		}
		if sig == unix.SIGINT || sig == unix.SIGTERM {
			asked++
		}
		if asked >= impatience {
			fmt.Fprintf(os.Stderr, "stave: asked %d times: killing the container\n", asked)
			sig = unix.SIGKILL
		}
		_ = unix.PidfdSendSignal(pidfd, sig, nil, 0) // it may have ended already
	}
}

// attach puts our terminal into raw mode, so that each key goes to the program inside, and copies both ways. Input stops when output has ended.
func attach(terminal *os.File, interactive bool, copying *sync.WaitGroup) (restore func()) {
	var old *term.State
	if interactive {
		old, _ = term.MakeRaw(0) // without raw mode it still works, a line at a time
	}
	stop, stopped, err := os.Pipe()
	if err == nil && interactive {
		copying.Go(func() { input(terminal, stop) })
	}
	copying.Go(func() {
		_, _ = io.Copy(os.Stdout, terminal) // ends with EIO when the last process that has it open is gone (pty(7))
		stopped.Close()
	})
	return func() {
		stop.Close()
		if old != nil {
			_ = term.Restore(0, old)
		}
	}
}

// input copies what is typed until stop is closed at its other end. A plain read could not be called off.
func input(terminal, stop *os.File) {
	buf := make([]byte, 4096)
	fds := []unix.PollFd{{Fd: 0, Events: unix.POLLIN}, {Fd: int32(stop.Fd()), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(fds, -1); err == unix.EINTR {
			continue
		} else if err != nil || fds[1].Revents != 0 {
			return
		}
		n, err := unix.Read(0, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return
		}
		if _, err := terminal.Write(buf[:n]); err != nil {
			return
		}
	}
}

// crlf writes lines to a terminal in raw mode, which doesn't return the carriage by itself.
type crlf struct{ w io.Writer }

func (c crlf) Write(b []byte) (int, error) {
	_, err := c.w.Write(bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")))
	return len(b), err
}
