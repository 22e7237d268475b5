package security

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/plan"
	"stave/internal/script"
)

// status is what /proc/self/status says of a program, this test's, that a plan ends in.
func status(t *testing.T, parts ...func(*plan.Plan)) map[string]string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	parts = append(parts, calling("dup3", plan.Int(int(w.Fd())), plan.Int(1), plan.Int(0)))
	code, err := execute(t, "/proc/self/exe", "status", parts...)
	w.Close()
	if err != nil || code != 0 {
		t.Fatalf("the program ended with %d, %v", code, err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			m[name] = strings.TrimSpace(value)
		}
	}
	return m
}

func become(uid int) func(*plan.Plan) {
	return func(p *plan.Plan) {
		id := plan.Int(uid)
		p.Add(plan.Op{Actor: plan.Child, What: "becoming someone else", Calls: []plan.Call{
			{Name: "setresgid", Args: []plan.Arg{id, id, id}}, {Name: "setresuid", Args: []plan.Arg{id, id, id}}}})
	}
}

// The five sets are those of the configuration, for root and for another user.
func TestCapabilities(t *testing.T) {
	script.Need(t, "root")
	some := []string{"CAP_CHOWN", "CAP_NET_RAW", "CAP_AUDIT_WRITE"}
	const bits = 1<<0 | 1<<13 | 1<<29
	for _, tc := range []struct {
		name string
		uid  int
		caps *specs.LinuxCapabilities
		want map[string]uint64
	}{
		{"none", 0, nil, map[string]uint64{}},
		{"root without inheritable ones, as Docker has it", 0, &specs.LinuxCapabilities{Bounding: some, Permitted: some, Effective: some},
			map[string]uint64{"CapBnd": bits, "CapPrm": bits, "CapEff": bits}},
		{"root loses what isn't in the bounding set", 0, &specs.LinuxCapabilities{Bounding: some[:1], Permitted: some, Effective: some},
			map[string]uint64{"CapBnd": 1, "CapPrm": 1, "CapEff": 1}},
		{"a user's go with execve", 1000, &specs.LinuxCapabilities{Bounding: some, Permitted: some, Effective: some}, map[string]uint64{"CapBnd": bits}},
		{"a user's ambient ones stay", 1000, &specs.LinuxCapabilities{Bounding: some, Permitted: some, Effective: some, Inheritable: some, Ambient: some[:2]},
			map[string]uint64{"CapBnd": bits, "CapPrm": 1<<0 | 1<<13, "CapEff": 1<<0 | 1<<13, "CapInh": bits, "CapAmb": 1<<0 | 1<<13}},
		{"ambient ones that can't be are left out", 1000, &specs.LinuxCapabilities{Bounding: some, Permitted: some, Effective: some, Ambient: some[:1]},
			map[string]uint64{"CapBnd": bits}},
	} {
		got := status(t, func(p *plan.Plan) {
			if warnings, err := Bounding(p, tc.caps); err != nil || warnings != nil {
				t.Errorf("%s: %q, %v", tc.name, warnings, err)
			}
			become(tc.uid)(p)
			Capabilities(p, tc.caps)
			NoNewPrivileges(p)
		})
		for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"} {
			if want := fmt.Sprintf("%016x", tc.want[set]); got[set] != want {
				t.Errorf("%s: %s is %s, want %s", tc.name, set, got[set], want)
			}
		}
		if got["NoNewPrivs"] != "1" {
			t.Errorf("%s: NoNewPrivs is %s", tc.name, got["NoNewPrivs"])
		}
	}
}

// A name that isn't known is a warning, in whatever set it is, and no failure.
func TestUnknownCapabilities(t *testing.T) {
	var p plan.Plan
	warnings, err := Bounding(&p, &specs.LinuxCapabilities{Bounding: []string{"CAP_CHOWN", "chown"}, Ambient: []string{"CAP_FLY"}, Effective: []string{"CAP_FLY"}})
	want := []string{`process.capabilities: there is no "CAP_FLY"`, `process.capabilities: there is no "chown"`}
	if err != nil || !slices.Equal(warnings, want) {
		t.Errorf("%q, %v; want %q", warnings, err, want)
	}
}

// The names stand at their numbers.
func TestCapabilityNumbers(t *testing.T) {
	for name, n := range map[string]int{"CAP_CHOWN": unix.CAP_CHOWN, "CAP_SETPCAP": unix.CAP_SETPCAP, "CAP_SYS_ADMIN": unix.CAP_SYS_ADMIN,
		"CAP_MKNOD": unix.CAP_MKNOD, "CAP_SETFCAP": unix.CAP_SETFCAP, "CAP_AUDIT_READ": unix.CAP_AUDIT_READ, "CAP_CHECKPOINT_RESTORE": unix.CAP_CHECKPOINT_RESTORE} {
		if capabilities[n] != name {
			t.Errorf("capability %d is %s in the table, and is %s", n, capabilities[n], name)
		}
	}
	if len(capabilities) != unix.CAP_LAST_CAP+1 {
		t.Errorf("the table has %d capabilities, the kernel's header %d", len(capabilities), unix.CAP_LAST_CAP+1)
	}
	if bits := set(DefaultCapabilities(), nil); bits != 0xa80425fb { // what CapEff of a container of Docker's shows
		t.Errorf("the default capabilities are %#x", bits)
	}
}
