package security

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// dice make a configuration from bytes, so that a fuzzer can throw them.
type dice struct{ thrown []byte }

func (d *dice) roll(n int) int {
	if len(d.thrown) == 0 {
		return 0
	}
	b := d.thrown[0]
	d.thrown = d.thrown[1:]
	return int(b) % n
}

// edges are values around which comparisons of halves go wrong.
var edges = []uint64{0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 1 << 32, 1<<32 + 1, 0x1_80000000, 0x2_00000001, 1 << 63, 1<<64 - 2, 1<<64 - 1}

var (
	allActions = []specs.LinuxSeccompAction{specs.ActErrno, specs.ActAllow, specs.ActKill, specs.ActKillProcess, specs.ActKillThread, specs.ActTrap, specs.ActTrace, specs.ActLog, specs.ActNotify}
	operators  = []specs.LinuxSeccompOperator{specs.OpEqualTo, specs.OpNotEqual, specs.OpLessThan, specs.OpLessEqual, specs.OpGreaterThan, specs.OpGreaterEqual, specs.OpMaskedEqual}
)

func (d *dice) edge() uint64 { return edges[d.roll(len(edges))] }

// profile throws a configuration of names.
func (d *dice) profile(goarch string, names []string) *specs.LinuxSeccomp {
	s := &specs.LinuxSeccomp{DefaultAction: allActions[d.roll(8)], ListenerPath: "/run/listener"}
	if s.DefaultAction == specs.ActErrno && d.roll(2) == 1 {
		s.DefaultErrnoRet = errno(uint(d.roll(200)))
	}
	for _, w := range machine(goarch) {
		if d.roll(4) != 0 {
			s.Architectures = append(s.Architectures, w.arch)
		}
	}
	for range d.roll(12) {
		c := specs.LinuxSyscall{Action: allActions[d.roll(9)]}
		if (c.Action == specs.ActErrno || c.Action == specs.ActTrace) && d.roll(2) == 1 {
			c.ErrnoRet = errno(uint(d.roll(200)))
		}
		for range 1 + d.roll(40) {
			name := names[(d.roll(256)*256+d.roll(256))%len(names)]
			if c.Action != specs.ActNotify || name != reporting {
				c.Names = append(c.Names, name)
			}
		}
		if len(c.Names) == 0 {
			continue
		}
		for range max(0, d.roll(6)-2) {
			c.Args = append(c.Args, specs.LinuxSeccompArg{Index: uint(d.roll(6)), Value: d.edge(), ValueTwo: d.edge(), Op: operators[d.roll(7)]})
		}
		s.Syscalls = append(s.Syscalls, c)
	}
	return s
}

func errno(n uint) *uint { return &n }

// calls are system calls worth asking about: each that the configuration names and its neighbours, with arguments on the edge of what it compares.
func (d *dice) calls(s *specs.LinuxSeccomp, goarch string, table map[string]numbers) []syscallData {
	var list []syscallData
	ask := func(number, arch uint32) {
		data := syscallData{number: number, arch: arch}
		for i := range data.args {
			data.args[i] = d.edge()
			if d.roll(3) == 0 {
				data.args[i] = uint64(d.roll(26)) // the calls behind a door
			}
		}
		list = append(list, data)
	}
	for _, w := range machine(goarch) {
		for _, number := range []uint32{0, 1000, 0xefffff, 0xf0000, 0xf0002, x32Bit, 1<<32 - 1} {
			ask(number, w.token)
		}
		for _, c := range s.Syscalls {
			for i, name := range c.Names {
				for step := range uint32(3) {
					if i > 4 && step != uint32(i%3) {
						continue
					}
					ask((uint32(table[name][w.column])|w.bit)+step-1, w.token)
				}
			}
			for range 4 * len(c.Args) {
				ask(uint32(table[c.Names[0]][w.column])|w.bit, w.token)
			}
		}
		for _, name := range []string{"socketcall", "ipc"} {
			ask(uint32(table[name][column386]), w.token)
		}
	}
	ask(1, unix.AUDIT_ARCH_S390X)
	return list
}

// check compares what a filter answers with a plain reading of its configuration.
func check(t *testing.T, s *specs.LinuxSeccomp, goarch string, table map[string]numbers, d *dice) {
	t.Helper()
	f, err := compile(s, goarch)
	if err != nil && strings.Contains(err.Error(), "the kernel takes") {
		return // the dice made it too long
	}
	if err != nil {
		t.Fatalf("%v\n%+v", err, s)
	}
	for _, data := range d.calls(s, goarch, table) {
		got, err := interpret(f.instructions(), data)
		if want := expect(s, goarch, table, data); err != nil || got != want {
			t.Fatalf("%+v: the filter answers %#x (%v), the configuration %#x\n%+v", data, got, err, want, s)
		}
	}
}

func sortedNames(table map[string]numbers) []string {
	var names []string
	for name := range table {
		names = append(names, name)
	}
	slices.Sort(names)
	return append(names, "no_such_call")
}

// A compiled filter answers as its configuration says, for thousands of configurations that nobody would write.
func TestFilterMeansWhatTheConfigurationSays(t *testing.T) {
	table := readTable()
	names := sortedNames(table)
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 250 {
		thrown := make([]byte, 4000)
		for i := range thrown {
			thrown[i] = byte(random.Uint32())
		}
		d := &dice{thrown}
		goarch := []string{"amd64", "arm64"}[round%2]
		few := names
		if round%3 == 0 { // the same few names again and again, so that rules meet
			few = []string{"socket", "ipc", "clone", "cacheflush", "socketcall", "rt_sigaction"}
		}
		check(t, d.profile(goarch, few), goarch, table, d)
	}
}

func FuzzFilter(f *testing.F) {
	table := readTable()
	names := sortedNames(table)
	f.Add([]byte{})
	f.Add([]byte("\x00\x01\x02\x01\x01\x01\x05\x00\x00\x10\x01\x00\x04\x01\x02\x03"))
	f.Add([]byte(strings.Repeat("\x03\x0b\x05\x07", 64)))
	f.Fuzz(func(t *testing.T, thrown []byte) {
		d := &dice{thrown}
		goarch := []string{"amd64", "arm64"}[d.roll(2)]
		check(t, d.profile(goarch, names), goarch, table, d)
	})
}

// Numbers that the configuration doesn't know of and can't.
func TestFilterOfUnknownCalls(t *testing.T) {
	s := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Architectures: []specs.Arch{specs.ArchX86},
		Syscalls: []specs.LinuxSyscall{{Names: []string{"read", "clone3", "not_yet_known"}, Action: specs.ActAllow}}}
	f, err := compile(s, "amd64")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		what string
		data syscallData
		want uint32
	}{
		{"read", syscallData{number: 0, arch: unix.AUDIT_ARCH_X86_64}, unix.SECCOMP_RET_ALLOW},
		{"write", syscallData{number: 1, arch: unix.AUDIT_ARCH_X86_64}, unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{"a call younger than clone3", syscallData{number: 436, arch: unix.AUDIT_ARCH_X86_64}, errNoSys},
		{"no call", syscallData{number: 1<<32 - 1, arch: unix.AUDIT_ARCH_X86_64}, errNoSys},
		{"read of x32", syscallData{number: x32Bit, arch: unix.AUDIT_ARCH_X86_64}, unix.SECCOMP_RET_KILL_THREAD},
		{"read of the 386", syscallData{number: 3, arch: unix.AUDIT_ARCH_I386}, unix.SECCOMP_RET_ALLOW},
		{"read of another machine", syscallData{number: 3, arch: unix.AUDIT_ARCH_ARM}, unix.SECCOMP_RET_KILL_THREAD},
	} {
		if got, err := interpret(f.instructions(), tc.data); err != nil || got != tc.want {
			t.Errorf("%s: %#x, %v; want %#x", tc.what, got, err, tc.want)
		}
	}
}

// The calls of the 386 that hide behind another, and rules that differ only in what they answer.
func TestFilterCases(t *testing.T) {
	family := func(n uint64) []specs.LinuxSeccompArg {
		return []specs.LinuxSeccompArg{{Value: n, Op: specs.OpEqualTo}}
	}
	s := &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Architectures: []specs.Arch{specs.ArchX86}, Syscalls: []specs.LinuxSyscall{
		{Names: []string{"connect", "semop"}, Action: specs.ActErrno},
		{Names: []string{"socket"}, Action: specs.ActErrno, ErrnoRet: errno(10), Args: family(40)},
		{Names: []string{"socket"}, Action: specs.ActErrno, ErrnoRet: errno(11), Args: family(38)},
		{Names: []string{"socket"}, Action: specs.ActErrno, ErrnoRet: errno(11), Args: family(39)},
	}}
	f, err := compile(s, "amd64")
	if err != nil {
		t.Fatal(err)
	}
	const socket, connect = 41, 42   // of amd64
	const socketcall, ipc = 102, 117 // of the 386
	const denied = unix.SECCOMP_RET_ERRNO
	for _, tc := range []struct {
		what      string
		arch, nr  uint32
		arg, want uint64
	}{
		{"connect", unix.AUDIT_ARCH_X86_64, connect, 0, denied + 1},
		{"connect through socketcall", unix.AUDIT_ARCH_I386, socketcall, 3, denied + 1},
		{"bind through socketcall", unix.AUDIT_ARCH_I386, socketcall, 2, unix.SECCOMP_RET_ALLOW},
		{"semop through ipc", unix.AUDIT_ARCH_I386, ipc, 1, denied + 1},
		{"semop through ipc, version 1", unix.AUDIT_ARCH_I386, ipc, 1<<16 + 1, denied + 1},
		{"semget through ipc", unix.AUDIT_ARCH_I386, ipc, 2, unix.SECCOMP_RET_ALLOW},
		{"a socket of any family through socketcall, because it can't be seen which", unix.AUDIT_ARCH_I386, socketcall, 1, denied + 10},
		{"a socket of family 38", unix.AUDIT_ARCH_X86_64, socket, 38, denied + 11},
		{"a socket of family 39", unix.AUDIT_ARCH_X86_64, socket, 39, denied + 11},
		{"a socket of family 40", unix.AUDIT_ARCH_X86_64, socket, 40, denied + 10},
		{"a socket of family 1<<32+40", unix.AUDIT_ARCH_X86_64, socket, 1<<32 + 40, unix.SECCOMP_RET_ALLOW},
	} {
		got, err := interpret(f.instructions(), syscallData{number: tc.nr, arch: tc.arch, args: [6]uint64{tc.arg}})
		if err != nil || uint64(got) != tc.want {
			t.Errorf("%s: %#x, %v; want %#x", tc.what, got, err, tc.want)
		}
	}
}

// What can't be done is refused, and the field named.
func TestCompileRefuses(t *testing.T) {
	allow := func(change func(*specs.LinuxSeccomp)) *specs.LinuxSeccomp {
		s := &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{"read"}, Action: specs.ActErrno}}}
		change(s)
		return s
	}
	many := allow(func(s *specs.LinuxSeccomp) {
		for i := range uint64(1500) {
			s.Syscalls = append(s.Syscalls, specs.LinuxSyscall{Names: []string{"write"}, Action: specs.ActErrno, Args: []specs.LinuxSeccompArg{{Value: i, Op: specs.OpGreaterThan}}})
		}
	})
	for want, s := range map[string]*specs.LinuxSeccomp{
		`linux.seccomp.defaultAction: there is no "SCMP_ACT_MAYBE"`:       allow(func(s *specs.LinuxSeccomp) { s.DefaultAction = "SCMP_ACT_MAYBE" }),
		"linux.seccomp.defaultAction: SCMP_ACT_NOTIFY":                    allow(func(s *specs.LinuxSeccomp) { s.DefaultAction = specs.ActNotify }),
		"linux.seccomp.defaultAction: SCMP_ACT_ALLOW takes no errnoRet":   allow(func(s *specs.LinuxSeccomp) { s.DefaultErrnoRet = errno(1) }),
		"syscalls[0].action: errnoRet 65536 is more":                      allow(func(s *specs.LinuxSeccomp) { s.Syscalls[0].ErrnoRet = errno(65536) }),
		"linux.seccomp.syscalls[0].names is empty":                        allow(func(s *specs.LinuxSeccomp) { s.Syscalls[0].Names = nil }),
		`syscalls[0].action: there is no ""`:                              allow(func(s *specs.LinuxSeccomp) { s.Syscalls[0].Action = "" }),
		"syscalls[0].args[0].index: a system call has no argument 6":      allow(func(s *specs.LinuxSeccomp) { s.Syscalls[0].Args = []specs.LinuxSeccompArg{{Index: 6}} }),
		`syscalls[0].args[0].op: there is no "="`:                         allow(func(s *specs.LinuxSeccomp) { s.Syscalls[0].Args = []specs.LinuxSeccompArg{{Op: "="}} }),
		`linux.seccomp.architectures: there is no "x86"`:                  allow(func(s *specs.LinuxSeccomp) { s.Architectures = []specs.Arch{"x86"} }),
		`linux.seccomp.flags: there is no "FAST"`:                         allow(func(s *specs.LinuxSeccomp) { s.Flags = []specs.LinuxSeccompFlag{"FAST"} }),
		"syscalls[0].action: SCMP_ACT_NOTIFY needs":                       allow(func(s *specs.LinuxSeccomp) { s.Syscalls[0].Action = specs.ActNotify }),
		"linux.seccomp.listenerMetadata needs linux.seccomp.listenerPath": allow(func(s *specs.LinuxSeccomp) { s.ListenerMetadata = "x" }),
		"SCMP_ACT_NOTIFY can't be used for " + reporting: allow(func(s *specs.LinuxSeccomp) {
			s.Syscalls[0] = specs.LinuxSyscall{Names: []string{reporting}, Action: specs.ActNotify}
			s.ListenerPath = "/run/x"
		}),
		"instructions; the kernel takes 4096": many,
	} {
		if _, err := Compile(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	if f, err := Compile(&specs.LinuxSeccomp{}); f != nil || err != nil {
		t.Errorf("an empty configuration made %v, %v", f, err)
	}
	if _, err := compile(allow(func(*specs.LinuxSeccomp) {}), "mips"); err == nil || errors.Is(err, unix.ENOSYS) {
		t.Errorf("an unknown machine: %v", err)
	}
}

// What was saved comes back; anything else is no filter.
func TestSaved(t *testing.T) {
	s, err := DefaultProfile(DefaultCapabilities())
	if err != nil {
		t.Fatal(err)
	}
	f, err := Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	b := f.Save()
	if got := Saved(b); !reflect.DeepEqual(got, f) {
		t.Errorf("%d instructions came back as %+v", len(f.instructions()), got)
	}
	for _, other := range [][]byte{nil, {}, []byte(saved), b[:len(b)-1], b[1:], []byte("filter 2" + string(b[8:])), []byte(saved + "x y\n12345678")} {
		if got := Saved(other); got != nil {
			t.Errorf("%d bytes that aren't a filter gave %+v", len(other), got)
		}
	}
	if got := (&Filter{Listener: "/socket", program: f.program}).Save(); got != nil {
		t.Error("a filter with a listener can be saved")
	}
	if got := (*Filter)(nil).Save(); got != nil {
		t.Error("no filter can be saved")
	}
}
