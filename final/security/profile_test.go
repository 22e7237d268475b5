package security

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	moby "github.com/moby/profiles/seccomp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/plan"
	"stave/internal/script"
)

func compileDefault(t testing.TB, capabilities []string) *Filter {
	t.Helper()
	s, err := DefaultProfile(capabilities)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// What a container may call, and how it is told that it may not, in the kernel.
func TestDefaultProfileInTheKernel(t *testing.T) {
	var (
		usual = DefaultCapabilities()
		admin = append(DefaultCapabilities(), "CAP_SYS_ADMIN")
		user  = plan.Sym("CLONE_NEWUSER", unix.CLONE_NEWUSER)
		socks = func(family int) []plan.Arg {
			return []plan.Arg{plan.Int(family), plan.Int(unix.SOCK_SEQPACKET), plan.Int(0)}
		}
	)
	for _, tc := range []struct {
		what         string
		capabilities []string
		name         string
		args         []plan.Arg
		want         error
	}{
		{"an ordinary call", usual, "umask", []plan.Arg{plan.Mode(0o22)}, nil},
		{"a new user namespace", usual, "unshare", []plan.Arg{user}, unix.EPERM},
		{"a new user namespace with CAP_SYS_ADMIN", admin, "unshare", []plan.Arg{user}, nil},
		{"a mount", usual, "mount", []plan.Arg{plan.Str("x"), plan.Str("/nowhere"), plan.Str("tmpfs"), plan.Int(0), plan.Null()}, unix.EPERM},
		{"a mount with CAP_SYS_ADMIN, nowhere", admin, "mount", []plan.Arg{plan.Str("x"), plan.Str("/nowhere"), plan.Str("tmpfs"), plan.Int(0), plan.Null()}, unix.ENOENT},
		{"a unix socket", usual, "socket", socks(unix.AF_UNIX), nil},
		{"a socket of the kernel's cryptography", usual, "socket", socks(unix.AF_ALG), unix.EPERM},
		{"a socket to the machine's host", usual, "socket", socks(unix.AF_VSOCK), unix.EPERM},
		{"asking for the personality", usual, "personality", []plan.Arg{plan.Sym("0xffffffff", 0xffffffff)}, nil},
		{"memory that can be executed, all of it", usual, "personality", []plan.Arg{plan.Sym("READ_IMPLIES_EXEC", 0x400000)}, unix.EPERM},
		{"a kernel keyring", usual, "keyctl", []plan.Arg{plan.Int(0), plan.Int(-3), plan.Int(0)}, unix.EPERM},
		{"a program for the kernel", usual, "bpf", []plan.Arg{plan.Int(0), plan.Null(), plan.Int(0)}, unix.EPERM},
	} {
		err := carryOut(t, NoNewPrivileges, compileDefault(t, tc.capabilities).Install, calling(tc.name, tc.args...))
		if !errors.Is(err, tc.want) || (tc.want == nil) != (err == nil) {
			t.Errorf("%s: %v, want %v", tc.what, err, tc.want)
		}
	}
}

// Programs of the 386 are held to the same on a machine of 64 bits, by their own numbers.
func TestDefaultProfileForThe386(t *testing.T) {
	script.Need(t, "386")
	dir := t.TempDir()
	for _, tc := range []struct {
		what          string
		number, first uint32
		want          unix.Errno
	}{
		{"umask of 0, which was 0", 60, 0, 0},
		{"a new user namespace", 310, unix.CLONE_NEWUSER, unix.EPERM},
		{"clone3", 435, 0, unix.ENOSYS},
		{"a call that isn't there yet", 4000, 0, unix.ENOSYS},
		{"clone with a new user namespace", 120, unix.CLONE_NEWUSER, unix.EPERM},
		{"keyctl", 288, 0, unix.EPERM},
	} {
		file := filepath.Join(dir, "tiny")
		if err := os.WriteFile(file, script.Program386(tc.number, tc.first), 0o755); err != nil {
			t.Fatal(err)
		}
		code, err := execute(t, file, "", calling("umask", plan.Mode(0)), NoNewPrivileges, compileDefault(t, DefaultCapabilities()).Install)
		if err != nil || code != int(tc.want) {
			t.Errorf("%s: %d, %v; want %d", tc.what, code, err, tc.want)
		}
	}
}

// execute runs a plan that ends in a program, and gives its exit code. What this test's program does is told by inside.
func execute(t *testing.T, file, inside string, parts ...func(*plan.Plan)) (int, error) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var p plan.Plan
	p.Clone(0, "", "", "")
	for _, part := range parts {
		part(&p)
	}
	calling("execve", plan.Str(file), plan.Strs([]string{file}), plan.Strs([]string{"STAVE_TEST_INSIDE=" + inside}))(&p)
	proc, err := p.Run(plan.Options{})
	if err != nil {
		return 0, err
	}
	defer unix.Close(proc.PidFD)
	return proc.Wait()
}

// The profile for arm64, which this machine need not be.
func TestDefaultProfileForArm64(t *testing.T) {
	whole := moby.DefaultProfile()
	s := whole.LinuxSeccomp
	s.Architectures = []specs.Arch{specs.ArchAARCH64, specs.ArchARM}
	for _, c := range whole.Syscalls {
		in, out := c.Includes, c.Excludes
		if in == nil || len(in.Caps) == 0 && (len(in.Arches) == 0 || slices.Contains(in.Arches, "arm64")) {
			if out == nil || !slices.Contains(out.Arches, "arm64") {
				s.Syscalls = append(s.Syscalls, c.LinuxSyscall)
			}
		}
	}
	f, err := compile(&s, "arm64")
	if err != nil {
		t.Fatal(err)
	}
	const arm, arm64 = unix.AUDIT_ARCH_ARM, unix.AUDIT_ARCH_AARCH64
	for _, tc := range []struct {
		what         string
		arch, number uint32
		arg          uint64
		want         uint32
	}{
		{"openat", arm64, 56, 0, unix.SECCOMP_RET_ALLOW},
		{"unshare", arm64, 97, 0, unix.SECCOMP_RET_ERRNO | 1},
		{"clone of a thread", arm64, 220, unix.CLONE_VM, unix.SECCOMP_RET_ALLOW},
		{"clone with a new user namespace", arm64, 220, unix.CLONE_NEWUSER, unix.SECCOMP_RET_ERRNO | 1},
		{"clone3", arm64, 435, 0, errNoSys},
		{"a call that isn't there yet", arm64, 4000, 0, errNoSys},
		{"open on arm", arm, 5, 0, unix.SECCOMP_RET_ALLOW},
		{"set_tls on arm", arm, 0xf0005, 0, unix.SECCOMP_RET_ALLOW},
		{"get_tls on arm", arm, 0xf0006, 0, unix.SECCOMP_RET_ERRNO | 1},
		{"a call that isn't there yet on arm", arm, 4000, 0, errNoSys},
		{"a program of another machine", unix.AUDIT_ARCH_X86_64, 0, 0, unix.SECCOMP_RET_KILL_THREAD},
	} {
		if got, err := interpret(f.instructions(), syscallData{number: tc.number, arch: tc.arch, args: [6]uint64{tc.arg}}); err != nil || got != tc.want {
			t.Errorf("%s: %#x, %v; want %#x", tc.what, got, err, tc.want)
		}
	}
}

// A file in Docker's format, with what only Docker's has: conditions on capabilities, names for old files.
func TestReadProfile(t *testing.T) {
	file := []byte(`{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
		"syscalls": [{"name": "read", "action": "SCMP_ACT_ALLOW"}, {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}}]}`)
	for n, capabilities := range map[int][]string{1: DefaultCapabilities(), 2: {"CAP_SYS_ADMIN"}} {
		s, err := ReadProfile(file, capabilities)
		if err != nil || len(s.Syscalls) != n || s.Syscalls[0].Names[0] != "read" {
			t.Errorf("%+v, %v", s, err)
		}
	}
	if _, err := ReadProfile([]byte("{"), nil); err == nil {
		t.Error("half a file was read")
	}
}

func BenchmarkDefaultProfile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DefaultProfile(DefaultCapabilities()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompileDefaultProfile(b *testing.B) {
	s, err := DefaultProfile(DefaultCapabilities())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		f, err := Compile(s)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(f.instructions())), "instructions")
	}
}
