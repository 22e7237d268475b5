package book

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"stave/internal/script"
)

// session is a shell that runs commands one after the other, as if they were typed into it.
type session struct {
	shell    *exec.Cmd
	commands *os.File // goes to the shell
	output   chan []byte
	ended    chan struct{} // is closed when the shell has ended
	secret   string        // with which the shell says that a command is done
	early    []byte        // what came after the end of the last command, from something in the background
}

// loop reads commands that each end with a zero byte, and evaluates them in this very shell, so that directories,
// variables and $? last. What it says when one is done goes into the same pipe as the output, and so comes after it.
const loop = `
__status=0
while IFS= read -r -d '' -u 3 __command; do
	(exit "$__status")
	eval "$__command" 3<&- 4>&- </dev/null
	__status=$?
	printf '\0%s %d\0' SECRET "$__status" >&4
done`

// startSession starts bash in dir, as root or as an ordinary user: where we aren't that, in a user namespace. Root may
// have a network apart.
func startSession(dir string, env []string, root, apart bool) (*session, error) {
	s := &session{secret: rand.Text(), output: make(chan []byte), ended: make(chan struct{})}
	args := []string{"bash", "--noprofile", "--norc", "-c", strings.ReplaceAll(loop, "SECRET", s.secret), "bash"}
	if root && apart {
		args = slices.Concat([]string{"unshare", "--net", "--"}, args)
	}
	if isRoot := os.Geteuid() == 0; root && !isRoot {
		args = slices.Concat([]string{"unshare", "--user", "--map-root-user", "--"}, args)
	} else if !root && isRoot {
		args = slices.Concat([]string{"unshare", "--user"}, script.AsNobodySpecial, []string{"--"}, args)
	}
	commands, send, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer commands.Close()
	receive, output, err := os.Pipe()
	if err != nil {
		send.Close()
		return nil, err
	}
	defer output.Close()
	s.commands = send
	s.shell = exec.Command(args[0], args[1:]...)
	s.shell.Dir, s.shell.Env = dir, env
	s.shell.Stdout, s.shell.Stderr, s.shell.ExtraFiles = output, output, []*os.File{commands, output}
	s.shell.SysProcAttr = &unix.SysProcAttr{Setsid: true} // with a process group of its own, to end all of it
	if err := s.shell.Start(); err != nil {
		send.Close()
		receive.Close()
		return nil, fmt.Errorf("starting a shell: %w", err)
	}
	go s.read(receive)
	go func() {
		_ = s.shell.Wait() // how it ended is of no interest; that it did is
		close(s.ended)
	}()
	return s, nil
}

// read passes on what comes out until nobody can write any more.
func (s *session) read(from *os.File) {
	defer close(s.output)
	defer from.Close()
	for {
		chunk := make([]byte, 4096)
		n, err := from.Read(chunk)
		if n > 0 {
			s.output <- chunk[:n]
		}
		if err != nil {
			return
		}
	}
}

// errHangs and errEnded are why a command has no end.
var (
	errHangs = errors.New("did not return within")
	errEnded = errors.New("ended the shell of the transcripts")
)

// run runs a command and returns what it printed. After an error the session is of no more use.
func (s *session) run(ctx context.Context, typed string, patience time.Duration) (string, error) {
	if _, err := io.WriteString(s.commands, typed+"\x00"); err != nil {
		return "", errEnded
	}
	out := bytes.NewBuffer(s.early)
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	done := []byte("\x00" + s.secret + " ")
	ended := s.ended
	for {
		select {
		case chunk, open := <-s.output:
			out.Write(chunk)
			text, rest, found := bytes.Cut(out.Bytes(), done)
			if _, early, whole := bytes.Cut(rest, []byte{0}); found && whole {
				s.early = slices.Clone(early)
				return plain(string(text)), nil
			}
			if !open {
				return plain(out.String()), errEnded
			}
		case <-ended:
			// What it has left running may hold the pipe; what is in the pipe already comes within a moment.
			ended = nil
			deadline.Reset(time.Second)
		case <-ctx.Done():
			return plain(out.String()), context.Cause(ctx)
		case <-deadline.C:
			select {
			case <-s.ended:
				return plain(out.String()), errEnded
			default:
				return plain(out.String()), fmt.Errorf("%w %v", errHangs, patience)
			}
		}
	}
}

var (
	where  = regexp.MustCompile(`(?m)^bash: (?:eval: )?line \d+: `)
	killed = regexp.MustCompile(`(?m)^bash: +\d+ ([A-Z][\w ]*?)(?: +\(core dumped\))? {2,}.*$`)
)

// plain takes out of a shell's messages what it says only because nobody types: the number of the line, and of a program
// that a signal ended its number and command.
func plain(output string) string {
	return killed.ReplaceAllString(where.ReplaceAllString(output, "bash: "), "$1")
}

// end tells the shell that nothing more is to come. It goes when it has read that, unless a command keeps it.
func (s *session) end() {
	s.commands.Close()
	go func() {
		for range s.output { // or who still prints couldn't, and wouldn't end
		}
	}()
}
