// Package terminal stands between a process in a container and whoever runs it in the foreground: it passes on signals, and with a terminal what
// is typed and printed. See step 02-pid for why signals have to be passed on, and pty(7) for terminals.
package terminal

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/signal"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Size is the size of the terminal we stand at, in rows and columns; 0, 0 without one.
func Size() (rows, columns uint) {
	w, h, err := term.GetSize(0)
	if err != nil {
		return 0, 0
	}
	return uint(h), uint(w)
}

// An Attendant looks after a process until it ends.
type Attendant struct {
	// PidFD is the process.
	PidFD int
	// Signals are those that are passed on: what [Listen] returned.
	Signals func() <-chan os.Signal
	// Terminal is the master of its terminal, or nil. It should not block (O_NONBLOCK), or closing it can't end a read. Interactive says that what is typed
	// at ours goes to it.
	Terminal    *os.File
	Interactive bool
	// Patience is how many times somebody may ask it to stop before it is made to; 0 is no limit. As process 1 it ignores what it doesn't
	// handle (pid_namespaces(7)). Killing is called before that.
	Patience int
	Killing  func()
}

// forwarded are the signals that are passed on.
var forwarded = []os.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2, unix.SIGCONT, unix.SIGALRM, unix.SIGWINCH}

// grace is how long a process may outlive its terminal: nobody can reach it any more. As process 1 it ignores SIGHUP, too, unless it handles it.
const grace = 10 * time.Second

// Listen begins to take signals for a process that need not be there yet, and never ends: those that come after it are dropped, as none should keep this program from clearing up.
// Each takes a thread's turn, some tenths of a millisecond in all, so this is done beside whatever else there is to do, and only the function it returns waits for it.
// What was ignored when this program began stays so, as nohup(1) and a shell's & have it.
func Listen() func() <-chan os.Signal {
	// A pipe that nobody reads any more is an error of writing to it then. By default the end of standard output or error would be ours (os/signal, "SIGPIPE").
	signal.Notify(make(chan os.Signal, 1), unix.SIGPIPE)
	signals, done := make(chan os.Signal, 16), make(chan struct{})
	taken := slices.DeleteFunc(slices.Clone(forwarded), signal.Ignored)
	go func() {
		signal.Notify(signals, taken...)
		close(done)
	}()
	return func() <-chan os.Signal {
		<-done
		return signals
	}
}

// Attend begins. The function it returns is to be called when the process has ended: after it all output is out, and our own terminal is as it was.
func (a Attendant) Attend() (ended func()) {
	var watching, copying sync.WaitGroup
	signals, over, hangUp := a.Signals(), make(chan struct{}), make(chan struct{}, 2)
	watching.Go(func() { a.watch(signals, over, hangUp) })
	restore := func() {}
	if a.Terminal != nil {
		restore = a.attach(&copying, hangUp)
	}
	return func() {
		copying.Wait()
		restore()
		close(over)
		watching.Wait()
	}
}

func (a Attendant) watch(signals <-chan os.Signal, over, hangUp <-chan struct{}) {
	asked := 0
	var late <-chan time.Time
	hang := func() {
		a.Terminal.Close() // the kernel tells those who have it open: SIGHUP, and no more input (pty(7))
		if late == nil {
			late = time.After(grace)
		}
	}
	for {
		var sig unix.Signal
		select {
		case <-over:
			return
		case <-hangUp:
			hang()
			continue
		case <-late:
			sig = unix.SIGKILL
		case s := <-signals:
			sig = s.(unix.Signal)
		}
		if sig == unix.SIGWINCH && a.Terminal != nil {
			if ws, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ); err == nil {
				_ = unix.IoctlSetWinsize(int(a.Terminal.Fd()), unix.TIOCSWINSZ, ws)
			}
			continue
		}
		if sig == unix.SIGHUP && a.Terminal != nil && hungUp() {
			hang()
		}
		if sig == unix.SIGINT || sig == unix.SIGTERM {
			asked++
		}
		if a.Patience > 0 && asked >= a.Patience {
			a.Killing()
			sig = unix.SIGKILL
		}
		_ = unix.PidfdSendSignal(a.PidFD, sig, nil, 0) // it may have ended already
	}
}

// attach puts our terminal into raw mode, so that each key goes to the program inside, and copies both ways. Input stops when output has ended.
func (a Attendant) attach(copying *sync.WaitGroup, hangUp chan<- struct{}) (restore func()) {
	var old *term.State
	if a.Interactive {
		old, _ = term.MakeRaw(0) // without raw mode it still works, a line at a time
	}
	stop, stopped, err := os.Pipe()
	if err == nil && a.Interactive {
		copying.Go(func() {
			if ended := input(a.Terminal, stop); ended && old != nil { // in raw mode Ctrl-D doesn't end it
				hangUp <- struct{}{}
			}
		})
	}
	copying.Go(func() {
		_, err := io.Copy(os.Stdout, a.Terminal) // ends with EIO when the last process that has it open is gone (pty(7))
		if errors.Is(err, unix.EPIPE) {
			hangUp <- struct{}{} // whoever looked at it has gone
		}
		_, _ = io.Copy(io.Discard, a.Terminal) // if it was writing that failed: else the program would wait for ever for somebody to read
		stopped.Close()
	})
	return func() {
		stop.Close()
		if old != nil {
			_ = term.Restore(0, old)
		}
	}
}

// hungUp tells whether the terminal we stand at is gone, as when its window was closed. A call for terminals fails with EIO then, and with ENOTTY on what isn't one.
func hungUp() bool {
	for _, fd := range []int{0, 1} {
		if _, err := unix.IoctlGetTermios(fd, unix.TCGETS); err == unix.EIO {
			return true
		}
	}
	return false
}

// input copies what is typed until stop is closed at its other end, and tells whether what is typed ended before. A plain read could not be called off.
func input(terminal, stop *os.File) (ended bool) {
	buf := make([]byte, 4096)
	fds := []unix.PollFd{{Fd: 0, Events: unix.POLLIN}, {Fd: int32(stop.Fd()), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(fds, -1); err == unix.EINTR {
			continue
		} else if err != nil || fds[1].Revents != 0 {
			return false
		}
		n, err := unix.Read(0, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return true
		}
		if _, err := terminal.Write(buf[:n]); err != nil {
			return false
		}
	}
}

// CRLF writes lines to a terminal in raw mode, which doesn't return the carriage by itself.
type CRLF struct{ W io.Writer }

func (c CRLF) Write(b []byte) (int, error) {
	_, err := c.W.Write(bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")))
	return len(b), err
}
