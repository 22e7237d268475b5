package engine

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"stave/final/security"
)

func TestCompileCached(t *testing.T) {
	s, err := security.DefaultProfile([]string{"CAP_CHOWN"})
	if err != nil {
		t.Fatal(err)
	}
	want, err := security.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "filters")
	same := func(when string) {
		t.Helper()
		if got, err := compileCached(dir, s); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the filter is another one (%v)", when, err)
		}
	}
	same("at first")
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("kept are %v (%v)", files, err)
	}
	kept, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	same("again")

	// It is what was kept that is taken, and only if it is whole.
	other, err := security.Compile(&specs.LinuxSeccomp{DefaultAction: specs.ActAllow})
	if err != nil {
		t.Fatal(err)
	}
	keep(files[0], other.Save())
	same("without a digest")
	for name, damaged := range map[string][]byte{
		"nothing": nil, "an instruction less": append(kept[:len(kept)-40:len(kept)-40], kept[len(kept)-32:]...), "a bit flipped": flipped(kept, len(kept)/2), "its digest flipped": flipped(kept, len(kept)-1),
	} {
		keep(files[0], damaged)
		same(name)
		if b, err := os.ReadFile(files[0]); err != nil || !reflect.DeepEqual(b, kept) {
			t.Errorf("%s: it was not made anew (%v)", name, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func flipped(b []byte, at int) []byte {
	b = append([]byte(nil), b...)
	b[at] ^= 4
	return b
}

// What can't be kept is made all the same, and what needs a listener isn't kept.
func TestCompileCachedWithout(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(nowhere, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err := compileCached(nowhere, &specs.LinuxSeccomp{DefaultAction: specs.ActAllow}); f == nil || err != nil {
		t.Errorf("where nothing can be kept: %v, %v", f, err)
	}
	dir := t.TempDir()
	asking := &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, ListenerPath: "/run/x", Syscalls: []specs.LinuxSyscall{{Names: []string{"mount"}, Action: specs.ActNotify}}}
	if f, err := compileCached(dir, asking); err != nil || f.Listener == "" {
		t.Errorf("with a listener: %v, %v", f, err)
	}
	if f, err := compileCached(dir, &specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_NONE"}); err == nil {
		t.Errorf("what is no profile: %v", f)
	}
	if f, err := compileCached(dir, nil); f != nil || err != nil {
		t.Errorf("no profile at all: %v, %v", f, err)
	}
	if files, _ := os.ReadDir(dir); len(files) > 0 {
		t.Errorf("kept is %v", files)
	}
}

// Profiles that differ in anything have other names.
func TestContent(t *testing.T) {
	one, two := uint(1), uint(2)
	call := func(change func(*specs.LinuxSyscall)) []specs.LinuxSyscall {
		c := specs.LinuxSyscall{Names: []string{"read", "write"}, Action: specs.ActAllow, ErrnoRet: &one, Args: []specs.LinuxSeccompArg{{Index: 1, Value: 2, ValueTwo: 3, Op: specs.OpEqualTo}}}
		change(&c)
		return []specs.LinuxSyscall{c}
	}
	seen := map[string]int{}
	for i, s := range []*specs.LinuxSeccomp{
		{},
		{DefaultAction: specs.ActAllow},
		{DefaultErrnoRet: &one},
		{DefaultErrnoRet: &two},
		{Architectures: []specs.Arch{specs.ArchX86}},
		{Flags: []specs.LinuxSeccompFlag{}},
		{Flags: []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagLog}},
		{ListenerPath: "/run/x"},
		{ListenerMetadata: "/run/x"},
		{Syscalls: call(func(*specs.LinuxSyscall) {})},
		{Syscalls: call(func(c *specs.LinuxSyscall) { c.Names = []string{"read write"} })},
		{Syscalls: call(func(c *specs.LinuxSyscall) { c.Names = []string{`read" "write`} })},
		{Syscalls: call(func(c *specs.LinuxSyscall) { c.Action = specs.ActErrno })},
		{Syscalls: call(func(c *specs.LinuxSyscall) { c.ErrnoRet = nil })},
		{Syscalls: call(func(c *specs.LinuxSyscall) { c.Args = nil })},
		{Syscalls: call(func(c *specs.LinuxSyscall) { c.Args[0].Index = 0 })},
		{Syscalls: call(func(c *specs.LinuxSyscall) { c.Args[0].Value = 0 })},
		{Syscalls: call(func(c *specs.LinuxSyscall) { c.Args[0].ValueTwo = 0 })},
		{Syscalls: call(func(c *specs.LinuxSyscall) { c.Args[0].Op = specs.OpNotEqual })},
	} {
		text := string(content(s))
		if j, ok := seen[text]; ok {
			t.Errorf("profiles %d and %d are told by the same text: %s", j, i, text)
		}
		seen[text] = i
	}
}
