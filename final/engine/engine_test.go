package engine

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestVolume(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]specs.Mount{
		"/a:/b":           {Type: "bind", Source: "/a", Destination: "/b", Options: []string{"rbind", "rprivate"}},
		"./a:/b:ro":       {Type: "bind", Source: filepath.Join(here, "a"), Destination: "/b", Options: []string{"rbind", "rprivate", "rro"}},
		"..:/b:ro,nosuid": {Type: "bind", Source: filepath.Dir(here), Destination: "/b", Options: []string{"rbind", "rprivate", "rro", "nosuid"}},
		"/a":              {},
		"/a:b":            {},
		"name:/b":         {},
		":/b":             {},
		"/a:/b:r0":        {},
		"/a:/b:":          {},
		"/a:/b:ro,rw":     {},
	} {
		got, err := volume(in)
		if !reflect.DeepEqual(got, want) || (want.Type == "") != (err != nil) {
			t.Errorf("volume(%q) = %+v, %v; want %+v", in, got, err, want)
		}
	}
}

// The user's variables count more than the image's, and those more than the usual ones; of a name's values the last counts.
func TestEnvironment(t *testing.T) {
	t.Setenv("STAVE_TEST_PASSED", "on")
	t.Setenv("STAVE_TEST_SECRET", "not for an image that names it")
	got := environment(Options{TTY: true, Env: []string{"A=user", "STAVE_TEST_PASSED", "STAVE_TEST_UNSET", "EMPTY="}},
		[]string{"PATH=/image", "A=image", "A=image2", "B=image", "STAVE_TEST_SECRET"}, "0123", "/home/x")
	want := []string{"PATH=/image", "HOSTNAME=0123", "HOME=/home/x", "TERM=xterm", "A=user", "B=image", "STAVE_TEST_PASSED=on", "EMPTY="}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A record is what was saved last, or nothing if a power failure took it.
func TestRecord(t *testing.T) {
	c := container{dir: t.TempDir()}
	for _, pid := range []int{0, 7, 8} {
		c.Record = Record{ID: "0123", Pid: pid}
		if err := c.save(); err != nil {
			t.Fatal(err)
		}
		if got, err := readRecord(c.dir); err != nil || !reflect.DeepEqual(got, c.Record) {
			t.Errorf("got %+v, %v; want %+v", got, err, c.Record)
		}
	}
	if left, err := os.ReadDir(c.dir); err != nil || len(left) != 1 {
		t.Errorf("beside the record there are %v, %v", left, err)
	}
	if err := os.Truncate(c.path("container.json"), 0); err != nil {
		t.Fatal(err)
	}
	if got, err := readRecord(c.dir); err != nil || got.Pid != 0 || got.ID != filepath.Base(c.dir) {
		t.Errorf("of an empty record: %+v, %v", got, err)
	}
}

func TestNames(t *testing.T) {
	e, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c, err := e.create(Record{Name: "box"})
	if err != nil {
		t.Fatal(err)
	}
	for _, taken := range []string{"box", c.ID} {
		if _, err := e.create(Record{Name: taken}); !errors.Is(err, ErrNameInUse) {
			t.Errorf("a second container called %s: %v, want %v", taken, err, ErrNameInUse)
		}
	}
	for _, bad := range []string{"-x", "a b", "a/b", "..", "ä"} {
		if _, err := e.create(Record{Name: bad}); err == nil || !strings.Contains(err.Error(), "use letters") {
			t.Errorf("a container called %q: %v", bad, err)
		}
	}
	if err := e.Sweep(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(c.dir); err != nil {
		t.Errorf("a container whose monitor lives was swept away: %v", err)
	}
	c.lock.Close() // as if the monitor had died, and its start were another's
	if err := e.Sweep(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(c.dir); err == nil {
		t.Error("a container whose monitor died is still there")
	}
}
