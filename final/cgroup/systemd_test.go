package cgroup

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"stave/final/plan"
)

// A manager is a systemd that only talks. answer gets each call and gives its error, if any; a call that begins a job has one, which ends with result,
// or never if there is none. With "silence" it hangs up.
type manager struct {
	version, result string
	answer          func(method string) string

	mu    sync.Mutex
	calls []string // the methods, with the unit
	args  map[string][]any
}

// listen has it listen where a user's systemd does.
func (m *manager) listen(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	if err := os.Mkdir(filepath.Join(dir, "systemd"), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "systemd/private"))
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer conn.Close()
				if err := m.serve(conn); err != nil {
					t.Error(err)
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); served.Wait() })
}

// serve is one conversation: the D-Bus specification's "Authentication Protocol", in which only the kernel is believed, and then messages.
func (m *manager) serve(conn net.Conn) error {
	in := bufio.NewReader(conn)
	if zero, err := in.ReadByte(); err != nil || zero != 0 {
		return fmt.Errorf("it begins with %d: %w", zero, err)
	}
	for begun := false; !begun; {
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		answers := map[string]string{"AUTH": "REJECTED EXTERNAL", "AUTH EXTERNAL": "DATA", "DATA": "OK 0123456789abcdef0123456789abcdef", "NEGOTIATE_UNIX_FD": "ERROR"}
		answer, known := answers[strings.TrimSpace(line)]
		if begun = line == "BEGIN\r\n"; !begun && !known {
			return fmt.Errorf("it says %q, which names somebody", line)
		} else if !begun {
			fmt.Fprint(conn, answer+"\r\n")
		}
	}
	for serial := uint32(1); ; serial += 10 {
		msg, err := dbus.DecodeMessage(in)
		if err != nil {
			return nil // it has hung up
		}
		for i, reply := range m.reply(msg) {
			var b bytes.Buffer
			if err := reply.EncodeTo(&b, binary.LittleEndian); err != nil {
				return err
			}
			binary.LittleEndian.PutUint32(b.Bytes()[8:], serial+uint32(i)) // which is only a connection's to give
			if _, err := conn.Write(b.Bytes()); err != nil {
				return nil
			}
		}
		if m.result == "silence" {
			return nil
		}
	}
}

// reply is the messages that follow on a call: signals of jobs, those of others too, and the answer after that.
func (m *manager) reply(msg *dbus.Message) []*dbus.Message {
	method := msg.Headers[dbus.FieldMember].Value().(string)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = append(m.calls, fmt.Sprint(method, " ", msg.Body[0]))
	if m.args == nil {
		m.args = map[string][]any{}
	}
	m.args[method] = msg.Body
	answer := &dbus.Message{Type: dbus.TypeMethodReply, Headers: map[dbus.HeaderField]dbus.Variant{dbus.FieldReplySerial: dbus.MakeVariant(msg.Serial())}}
	put := func(msg *dbus.Message, body ...any) *dbus.Message {
		msg.Body = body
		if len(body) > 0 {
			msg.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(body...))
		}
		return msg
	}
	if m.answer != nil {
		if name := m.answer(method); name != "" {
			answer.Type = dbus.TypeError
			answer.Headers[dbus.FieldErrorName] = dbus.MakeVariant(name)
			return []*dbus.Message{put(answer, "so says the test")}
		}
	}
	removed := func(job int, unit, result string) *dbus.Message {
		return put(&dbus.Message{Type: dbus.TypeSignal, Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldPath: dbus.MakeVariant(dbus.ObjectPath(systemdPath)), dbus.FieldInterface: dbus.MakeVariant(systemdManager), dbus.FieldMember: dbus.MakeVariant("JobRemoved"),
		}}, uint32(job), dbus.ObjectPath(fmt.Sprint("/job/", job)), unit, result)
	}
	switch method {
	case "StartTransientUnit", "StopUnit":
		signals := []*dbus.Message{removed(1, "other.scope", "failed")}
		if m.result != "silence" && m.result != "" {
			signals = append(signals, removed(2, msg.Body[0].(string), m.result))
		}
		return append(signals, put(answer, dbus.ObjectPath("/job/2")))
	case "Get":
		return []*dbus.Message{put(answer, dbus.MakeVariant(map[string]string{"Version": m.version, "ControlGroup": "/user.slice/user@7.service"}[msg.Body[1].(string)]))}
	}
	return []*dbus.Message{put(answer)}
}

func (m *manager) called() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.calls, ", ")
}

func (m *manager) refuse(answer func(method string) string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answer = answer
}

func (m *manager) argument(method string, argument int) any {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.args[method][argument]
}

// sent is the properties that a call had.
func (m *manager) sent(method string, argument int) map[string]any {
	list := map[string]any{}
	for _, pair := range m.argument(method, argument).([][]any) {
		list[pair[0].(string)] = pair[1].(dbus.Variant).Value()
	}
	return list
}

func asked(t *testing.T, r *specs.LinuxResources) *Cgroup {
	t.Helper()
	c, err := New(onV2, Where{Path: "a-b.slice:docker:c", Systemd: true, All: true, Manager: Manager{Controllers: []string{"cpu", "cpuset", "memory", "pids"}}}, r)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The plan asks, with the child's pid, and goes on when systemd is done.
func TestStartsUnit(t *testing.T) {
	m := &manager{result: "done", version: "252.38-1~deb12u1"}
	m.listen(t)
	c := asked(t, &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: to[int64](1 << 20)}, CPU: &specs.LinuxCPU{Idle: to[int64](1), Cpus: "0-3,9"}})
	var p plan.Plan
	c.Create(&p)
	if into := c.Into(&p); into != "" || len(p.Ops) != 0 {
		t.Errorf("before there is a child: %q and %v", into, p.Ops)
	}
	c.Join(&p)
	if err := p.Ops[0].Calls[0].Ask(4242); err != nil {
		t.Fatal(err)
	}
	if got, want := m.called(), "Get org.freedesktop.systemd1.Manager, StartTransientUnit docker-c.scope"; got != want {
		t.Errorf("it was asked %s, want %s", got, want)
	}
	if mode := m.argument("StartTransientUnit", 1); mode != "replace" {
		t.Errorf("the mode is %v", mode)
	}
	want := map[string]any{
		"PIDs": []uint32{4242}, "Description": "container c", "Slice": "a-b.slice", "Delegate": true, "DefaultDependencies": false, "MemoryMax": uint64(1 << 20), "CPUWeight": uint64(0), "AllowedCPUs": []byte{0x0f, 0x02},
		"MemoryAccounting": true, "CPUAccounting": true, "IOAccounting": true, "TasksAccounting": true,
	}
	if got := m.sent("StartTransientUnit", 2); !reflect.DeepEqual(got, want) {
		t.Errorf("the properties are\n%v, want\n%v", got, want)
	}
}

func TestStartsUnitOfOlderSystemd(t *testing.T) {
	m := &manager{result: "done", version: "v249"}
	m.listen(t)
	if err := asked(t, &specs.LinuxResources{CPU: &specs.LinuxCPU{Idle: to[int64](1)}}).request.start(1); err != nil {
		t.Fatal(err)
	}
	if weight, ok := m.sent("StartTransientUnit", 2)["CPUWeight"]; ok {
		t.Errorf("it is told CPUWeight=%v, which it would refuse", weight)
	}
}

// A unit of that name that has failed is in the way, until systemd is told to forget it.
func TestStartsUnitAfterOneThatFailed(t *testing.T) {
	m := &manager{result: "done"}
	failed := true
	m.refuse(func(method string) string {
		if method == "StartTransientUnit" && failed {
			return errUnitExists
		}
		failed = failed && method != "ResetFailedUnit"
		return ""
	})
	m.listen(t)
	if err := asked(t, nil).request.start(1); err != nil {
		t.Error(err)
	}
	if got, want := m.called(), "StartTransientUnit docker-c.scope, ResetFailedUnit docker-c.scope, StartTransientUnit docker-c.scope"; got != want {
		t.Errorf("it was asked %s, want %s", got, want)
	}
	m.refuse(func(string) string { return errUnitExists })
	if err := asked(t, nil).request.start(1); !named(err, errUnitExists) {
		t.Errorf("one that runs: got error %v", err)
	}
}

func TestFailsToStartUnit(t *testing.T) {
	for result, want := range map[string]string{"failed": `its job ended with "failed"`, "silence": "hung up"} {
		m := &manager{result: result}
		m.listen(t)
		if err := asked(t, nil).request.start(1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %s", result, err, want)
		}
	}
}

// A job without an end is not waited for without an end.
func TestTakesTooLong(t *testing.T) {
	m := &manager{}
	m.listen(t)
	path, err := Unit{User: true}.socket()
	if err != nil {
		t.Fatal(err)
	}
	socket, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	c := &conversation{end: time.Now().Add(200 * time.Millisecond)}
	if err = c.explain(c.begin(socket)); err == nil {
		err = c.job("StopUnit", "x.scope", "replace")
		c.close()
	}
	if err == nil || err.Error() != "it takes too long" {
		t.Errorf("got error %v", err)
	}
}

func TestStopsUnit(t *testing.T) {
	unit := Unit{Name: "docker-c.scope", User: true}
	m := &manager{result: "done"}
	m.listen(t)
	if err := unit.Stop(); err != nil {
		t.Error(err)
	}
	if got, want := m.called(), "StopUnit docker-c.scope, ResetFailedUnit docker-c.scope"; got != want {
		t.Errorf("it was asked %s, want %s", got, want)
	}
	for name, want := range map[string]bool{errNoSuchUnit: true, "org.freedesktop.DBus.Error.AccessDenied": false} {
		m.refuse(func(string) string { return name })
		if err := unit.Stop(); (err == nil) != want {
			t.Errorf("%s: got error %v", name, err)
		}
	}
}

// An update tells systemd before it writes files.
func TestUpdatesUnit(t *testing.T) {
	m := &manager{}
	m.listen(t)
	dir := fake(t, map[string]string{"memory.max": "max\n", "pids.max": "max\n", "cgroup.controllers": "memory\n"})
	layout := Layout{Hierarchies: []Hierarchy{{Mount: filepath.Dir(dir), V2: true, Controllers: []string{"memory", "pids"}}}}
	unit := &Unit{Name: "docker-c.scope", User: true}
	ask := &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: to[int64](4096)}}
	if err := Open([]string{dir}).Update(layout, ask, unit); err != nil {
		t.Fatal(err)
	}
	if got, want := m.sent("SetUnitProperties", 2), map[string]any{"MemoryMax": uint64(4096)}; !reflect.DeepEqual(got, want) || m.argument("SetUnitProperties", 1) != true {
		t.Errorf("it was asked to set %v (%v), want %v until it ends", got, m.argument("SetUnitProperties", 1), want)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "memory.max")); err != nil || !strings.HasPrefix(string(text), "4096") {
		t.Errorf("memory.max: %q, %v", text, err)
	}
	m.refuse(func(string) string { return errNoSuchUnit })
	ask.Memory.Limit = to[int64](8192)
	if err := Open([]string{dir}).Update(layout, ask, unit); !named(err, errNoSuchUnit) || !strings.Contains(err.Error(), "MemoryMax=8192") {
		t.Errorf("got error %v", err)
	}
}

func TestUserManager(t *testing.T) {
	m := &manager{}
	m.listen(t)
	got, err := onV2.UserManager()
	if err != nil || got.Cgroup != "/user.slice/user@7.service" {
		t.Errorf("got %+v and error %v", got, err)
	}
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	if _, err := onV2.UserManager(); !errors.Is(err, ErrNoUserSystemd) {
		t.Errorf("without one: got error %v", err)
	}
	if err := (Unit{Name: "x.scope", User: true}).Stop(); err != nil {
		t.Errorf("stopping without one: got error %v", err)
	}
}

// Version 1's limits have values of other kinds, as has a slice.
func TestStartsSlice(t *testing.T) {
	m := &manager{result: "done"}
	m.listen(t)
	where := Where{Path: "a.slice::a-b.slice", Privileged: true, Systemd: true, All: true, Annotations: map[string]string{"org.systemd.property.X": "int64 -1"}}
	c, err := New(onV1, where, &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Access: "rwm"}, {Allow: true, Type: "b", Major: to[int64](8), Minor: to[int64](1), Access: "r"}}})
	if err != nil {
		t.Fatal(err)
	}
	c.request.User = true // there the test listens
	if err := c.request.start(1); err != nil {
		t.Fatal(err)
	}
	got := m.sent("StartTransientUnit", 2)
	devices, _ := got["DeviceAllow"].([][]any)
	if pids, ok := got["PIDs"]; ok || len(devices) == 0 || !reflect.DeepEqual(devices[0], []any{"/dev/block/8:1", "r"}) {
		t.Errorf("the devices are %v, the processes %v", got["DeviceAllow"], pids)
	}
	if wants := got["Wants"]; !reflect.DeepEqual(wants, []string{"a.slice"}) || got["X"] != int64(-1) {
		t.Errorf("it wants %v, and has X=%v", wants, got["X"])
	}
}
