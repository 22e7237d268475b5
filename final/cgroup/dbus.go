package cgroup

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A bus is a connection over which D-Bus is spoken, as much of it as it takes to have systemd make a unit. A library for all of it would bring in
// what looks up names on the network, and be in every start of the runtime. See the D-Bus specification, "Message Protocol".
type bus struct {
	file    *os.File
	in      *bufio.Reader
	end     time.Time
	serial  uint32
	removed map[string]string // jobs that have ended, and how
}

// dial connects with a socket, and with the peer's trust: the kernel tells it who we are, whatever we are called in a user namespace.
// All that is said must be over after that time.
func dial(path string, limit time.Duration) (*bus, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), path)
	b := &bus{file: file, in: bufio.NewReader(file), end: time.Now().Add(limit), removed: map[string]string{}}
	seconds := unix.NsecToTimeval(limit.Nanoseconds())
	err = errors.Join(unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &seconds), unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &seconds),
		unix.Connect(fd, &unix.SockaddrUnix{Name: path}))
	if err == nil {
		err = b.authenticate()
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return b, nil
}

// authenticate says the three lines without waiting for an answer, as systemd's own programs do.
func (b *bus) authenticate() error {
	if _, err := b.file.WriteString("\x00AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n"); err != nil {
		return err
	}
	for {
		line, err := b.in.ReadSlice('\n')
		switch {
		case err != nil:
			return fmt.Errorf("authenticating: %w", err)
		case bytes.HasPrefix(line, []byte("OK ")):
			return nil
		case string(line) != "DATA\r\n":
			return fmt.Errorf("authenticating: it says %q", line)
		}
	}
}

func (b *bus) close() { b.file.Close() }

// A busError is what the peer answers in place of a result.
type busError struct{ name, text string }

func (e *busError) Error() string {
	if e.text == "" {
		return e.name
	}
	return e.text
}

// named tells whether an error is the peer's, of that name.
func named(err error, name string) bool {
	var e *busError
	return errors.As(err, &e) && e.name == name
}

// The types of messages, and of fields in their headers.
const (
	busCall, busReply, busFailure, busSignal = 1, 2, 3, 4

	fieldPath, fieldInterface, fieldMember, fieldErrorName, fieldReplySerial, fieldDestination, fieldSignature = 1, 2, 3, 4, 5, 6, 8
)

// call calls a method and waits for its results. Jobs that end meanwhile are kept in mind.
func (b *bus) call(iface, method string, args ...any) ([]any, error) {
	b.serial++
	if _, err := b.file.Write(encodeCall(b.serial, iface, method, args)); err != nil {
		return nil, err
	}
	for {
		m, err := b.read()
		if err != nil {
			return nil, err
		}
		if m.replyTo != b.serial {
			continue
		}
		if m.kind == busFailure {
			text := ""
			if len(m.body) > 0 {
				text, _ = m.body[0].(string)
			}
			return nil, &busError{m.errorName, text}
		}
		return m.body, nil
	}
}

// job calls a method that begins a job of systemd's, and waits for its end.
func (b *bus) job(iface, method string, args ...any) error {
	body, err := b.call(iface, method, args...)
	if err != nil {
		return err
	}
	if len(body) != 1 {
		return fmt.Errorf("%s has %d results", method, len(body))
	}
	job, _ := body[0].(string)
	for {
		switch result, ended := b.removed[job]; {
		case ended && result == "done":
			return nil
		case ended:
			return fmt.Errorf("its job ended with %q (journalctl says more)", result)
		}
		if _, err := b.read(); err != nil {
			return err
		}
	}
}

// A message is one that was received. Of signals only JobRemoved has a body here, of which others can have any.
type message struct {
	kind              byte
	replyTo           uint32
	member, errorName string
	body              []any
}

// read waits for a message.
func (b *bus) read() (message, error) {
	m, err := readMessage(b.in)
	switch {
	case errors.Is(err, unix.EAGAIN) || err == nil && time.Now().After(b.end):
		return m, errors.New("it takes too long")
	case errors.Is(err, io.EOF):
		return m, errors.New("it hung up before it was done")
	case err != nil:
		return m, err
	}
	if m.kind == busSignal && m.member == "JobRemoved" && len(m.body) == 4 {
		job, _ := m.body[1].(string)
		b.removed[job], _ = m.body[3].(string)
	}
	return m, nil
}

// mostOfMessage is more than systemd has to say at a time, in bytes.
const mostOfMessage = 1 << 24

func readMessage(in io.Reader) (message, error) {
	var head [16]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return message{}, err
	}
	bodySize, fieldsSize := uint64(binary.LittleEndian.Uint32(head[4:])), uint64(binary.LittleEndian.Uint32(head[12:]))
	size := (fieldsSize+7)&^7 + bodySize
	if head[0] != 'l' || head[3] != 1 || size > mostOfMessage {
		return message{}, fmt.Errorf("it doesn't speak D-Bus as this machine does: %q", head)
	}
	rest := make([]byte, size)
	if _, err := io.ReadFull(in, rest); err != nil {
		return message{}, fmt.Errorf("reading a message: %w", err)
	}
	m := message{kind: head[1]}
	signature := ""
	d := decoder{b: rest[:fieldsSize]}
	for d.at < len(d.b) && d.err == nil {
		d.align(8)
		field := d.byte()
		switch v := d.value(d.signature()).(type) {
		case uint32:
			if field == fieldReplySerial {
				m.replyTo = v
			}
		case string:
			switch field {
			case fieldMember:
				m.member = v
			case fieldErrorName:
				m.errorName = v
			case fieldSignature:
				signature = v
			}
		}
	}
	if d.err != nil {
		return message{}, d.err
	}
	if m.kind == busSignal && m.member != "JobRemoved" {
		return m, nil
	}
	d = decoder{b: rest[size-bodySize:]}
	for _, kind := range strings.Split(signature, "") {
		m.body = append(m.body, d.value(kind))
	}
	return m, d.err
}

// A decoder takes values from the bytes of a message. After an error there are only zeros.
type decoder struct {
	b   []byte
	at  int
	err error
}

// take is the next n bytes.
func (d *decoder) take(n int) []byte {
	if d.err != nil || n < 0 || n > len(d.b)-d.at {
		d.err = errors.New("a message of D-Bus ends too early")
		return make([]byte, min(max(n, 0), 8))
	}
	d.at += n
	return d.b[d.at-n : d.at]
}

func (d *decoder) align(n int) {
	if over := d.at % n; over > 0 {
		d.take(n - over)
	}
}

func (d *decoder) byte() byte { return d.take(1)[0] }

func (d *decoder) uint32() uint32 {
	d.align(4)
	return binary.LittleEndian.Uint32(d.take(4))
}

// text is so many bytes and a zero.
func (d *decoder) text(n int) string {
	s := string(d.take(n))
	d.take(1)
	return s
}

func (d *decoder) signature() string { return d.text(int(d.byte())) }

// value is one of the types that matter here: string, object path, signature, number, and a variant of those.
func (d *decoder) value(kind string) any {
	switch kind {
	case "s", "o":
		return d.text(int(d.uint32()))
	case "g":
		return d.signature()
	case "u":
		return d.uint32()
	case "v":
		if kind := d.signature(); kind != "v" {
			return d.value(kind)
		}
	}
	d.err = errors.Join(d.err, fmt.Errorf("a message of D-Bus has a value of type %q", kind))
	return nil
}
