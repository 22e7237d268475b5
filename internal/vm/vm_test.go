package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stave/internal/script"
)

func TestMain(m *testing.M) {
	script.Main(m, map[string]func(){"qemu-system-x86_64": fakeQemu})
}

// fakeQemu connects to the sockets it is told of, sends what FAKE_EVENTS and FAKE_CONSOLE hold, and ends as FAKE_END says.
func fakeQemu() {
	if os.Getenv("FAKE_END") == "early" {
		fmt.Fprintln(os.Stderr, "qemu: no such machine")
		os.Exit(1)
	}
	for i, arg := range os.Args {
		_, path, ok := strings.Cut(arg, ",path=")
		if !ok || os.Args[i-1] != "-chardev" {
			continue
		}
		conn, err := net.Dial("unix", path)
		if err != nil {
			panic(err)
		}
		text := os.Getenv("FAKE_EVENTS")
		if filepath.Base(path) == "console" {
			text = os.Getenv("FAKE_CONSOLE")
		}
		if _, err := conn.Write([]byte(text)); err != nil {
			panic(err)
		}
	}
	if os.Getenv("FAKE_END") == "never" {
		_ = unix.Pause() // until it is killed
	}
}

func TestBoot(t *testing.T) {
	const passed = `{"kind":"start","user":"root","package":"p"}
{"kind":"skip","user":"root","package":"p","text":"{}"}
{"kind":"end","user":"root","package":"p","seconds":1.5}
`
	const failed = `{"kind":"start","user":"user","package":"q"}
{"kind":"end","user":"user","package":"q","code":1,"text":"--- FAIL: TestQ"}
`
	const done = `{"kind":"done"}` + "\n"
	for name, c := range map[string]struct {
		events, end string
		timeout     time.Duration
		wantErr     string
		wantOut     string
	}{
		"all is well":        {events: passed + done, wantOut: "ok  \tp as root\t1.5s\n"},
		"a test fails":       {events: passed + failed + done, wantErr: "1 of 2 packages failed", wantOut: "--- FAIL: TestQ\nFAIL\tq as user"},
		"a test hangs":       {events: `{"kind":"start","user":"root","package":"p"}`, end: "never", timeout: 200 * time.Millisecond, wantErr: "too slow"},
		"it dies in a test":  {events: passed + `{"kind":"start","user":"user","package":"p"}`, wantErr: "stopped during the tests of p as user"},
		"it dies in between": {events: passed, wantErr: "stopped before it was done"},
		"init gives up":      {events: `{"kind":"broken","text":"no disk"}`, wantErr: "inside the virtual machine: no disk"},
		"a command fails":    {events: `{"kind":"done","code":3}`, wantErr: "exit code 3"},
		"results are torn":   {events: passed + "{kind", end: "never", wantErr: "reading the virtual machine's results"},
		"qemu doesn't start": {end: "early", wantErr: "qemu: no such machine"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("FAKE_EVENTS", c.events)
			t.Setenv("FAKE_END", c.end)
			t.Setenv("FAKE_CONSOLE", "Linux version 0\n")
			if c.timeout == 0 {
				c.timeout = script.Slow(30 * time.Second)
			}
			ctx, cancel := context.WithTimeoutCause(t.Context(), c.timeout, errors.New("too slow"))
			defer cancel()
			var out, console bytes.Buffer
			r := report{out: &out, skips: func(user, record string) {}}
			err := machine{dir: t.TempDir(), console: &console}.boot(ctx, r.event)
			if err == nil {
				err = r.verdict()
			}
			if c.wantErr == "" && err != nil || !strings.Contains(fmt.Sprint(err), c.wantErr) {
				t.Errorf("error is %v, want %q", err, c.wantErr)
			}
			if !strings.Contains(out.String(), c.wantOut) {
				t.Errorf("output is\n%s\nwant\n%s", out.String(), c.wantOut)
			}
			if c.end != "early" && console.String() != "Linux version 0\n" {
				t.Errorf("the console showed %q", console.String())
			}
		})
	}
}

func TestParse(t *testing.T) {
	for line, want := range map[string]string{
		"":                         "error",
		"--":                       "error",
		"tset":                     "error",
		"test":                     "packages [./...]",
		"test ./steps/... ./final": "packages [./steps/... ./final]",
		"-- test":                  "command [test]",
		"-- sh -c x":               "command [sh -c x]",
	} {
		o, err := parse(strings.Fields(line))
		got := fmt.Sprintf("packages %v", o.packages)
		if o.command != nil {
			got = fmt.Sprintf("command %v", o.command)
		}
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("vm %s: %s, want %s", line, got, want)
		}
	}
}

// The archive is compared with one taken apart by hand, along buffer-format.rst.
func TestCpio(t *testing.T) {
	var b bytes.Buffer
	c := cpioWriter{w: &b}
	c.directory("dev")
	c.program("init", []byte("#!/bin/sh"))
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	header := func(inode, mode, size, name int) string {
		s := "070701"
		for _, n := range []int{inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name, 0} {
			s += fmt.Sprintf("%08X", n)
		}
		return s
	}
	want := header(1, 0o040755, 0, 4) + "dev\x00\x00\x00" +
		header(2, 0o100755, 9, 5) + "init\x00\x00" + "#!/bin/sh\x00\x00\x00" +
		header(3, 0, 0, 11) + "TRAILER!!!\x00\x00\x00\x00"
	if b.String() != want {
		t.Errorf("the archive is\n%q\nwant\n%q", b.String(), want)
	}
}

func TestCpioReportsErrors(t *testing.T) {
	full := errors.New("disk full")
	c := cpioWriter{w: failing{full}}
	c.directory("dev")
	if err := c.close(); err != full {
		t.Errorf("the error is %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestLoadOrder(t *testing.T) {
	dir := t.TempDir()
	for name, depends := range map[string]string{"bridge": "stp,llc", "stp": "llc", "llc": "", "virtio-rng": ""} {
		if err := os.WriteFile(filepath.Join(dir, name+".ko"), module(depends), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files, err := loadOrder(dir, []string{"virtio_rng", "bridge", "llc"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	if want := []string{"virtio-rng.ko", "llc.ko", "stp.ko", "bridge.ko"}; !slices.Equal(files, want) {
		t.Errorf("the order is %v, want %v", files, want)
	}
	if _, err := loadOrder(dir, []string{"moon"}); err == nil {
		t.Error("a module that isn't there is not missed")
	}
}

// module is the smallest ELF file, elf(5), with a section .modinfo.
func module(depends string) []byte {
	info := "license=GPL\x00depends=" + depends + "\x00"
	const names = "\x00.modinfo\x00.shstrtab\x00"
	const headerSize, sectionSize = 64, 64
	data := headerSize + 3*sectionSize
	file := []byte("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9))
	put := func(values ...any) {
		var b bytes.Buffer
		for _, v := range values {
			if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
				panic(err)
			}
		}
		file = append(file, b.Bytes()...)
	}
	put(uint16(1), uint16(62), uint32(1), uint64(0), uint64(0), uint64(headerSize), uint32(0),
		uint16(headerSize), uint16(0), uint16(0), uint16(sectionSize), uint16(3), uint16(2))
	section := func(name, kind uint32, offset, size int) {
		put(name, kind, uint64(0), uint64(0), uint64(offset), uint64(size), uint32(0), uint32(0), uint64(1), uint64(0))
	}
	section(0, 0, 0, 0)
	section(1, 1, data, len(info))
	section(10, 3, data+len(info), len(names))
	return append(append(file, info...), names...)
}

func TestNeeds(t *testing.T) {
	script.Need(t, "exec:sh")
	root := t.TempDir()
	c := copier{root: root, seen: make(map[string]bool)}
	if err := c.copy("/bin/sh"); err != nil {
		t.Fatal(err)
	}
	// A shell needs the C library and the loader; both must have come along for it to run.
	var names []string
	for file := range c.seen {
		names = append(names, filepath.Base(file))
	}
	for _, want := range []string{"libc.so.6", "ld-linux-x86-64.so.2"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing among %v", want, names)
		}
	}
}

func TestTail(t *testing.T) {
	var last tail
	for i := range 1000 {
		fmt.Fprintf(&last, "%099d\n", i)
	}
	if n := last.Len(); n != 8<<10 || !strings.HasSuffix(last.String(), "999\n") {
		t.Errorf("%d bytes are kept, ending in %q", n, last.String()[n-10:])
	}
}
