package security

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/final/plan"
	"stave/internal/script"
)

func TestMain(m *testing.M) {
	switch os.Getenv("STAVE_TEST_INSIDE") {
	case "":
		script.Main(m, nil)
	case "filters":
		os.Exit(askTheKernel())
	case "victim":
		fail(victim(os.Args[1], os.Args[2] == "true", os.Args[3] == "true"))
	case "status":
		b, err := os.ReadFile("/proc/self/status")
		os.Stdout.Write(b)
		fail(err)
	case "taken":
		fail(taken())
	}
}

// fail ends a process that the test started.
func fail(err error) {
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Exit(0)
}

// harmless are calls that do nothing, whatever their arguments.
var harmless = map[string]uintptr{
	"getpid": unix.SYS_GETPID, "getppid": unix.SYS_GETPPID, "getuid": unix.SYS_GETUID, "geteuid": unix.SYS_GETEUID, "getgid": unix.SYS_GETGID,
	"getegid": unix.SYS_GETEGID, "gettid": unix.SYS_GETTID, "sched_yield": unix.SYS_SCHED_YIELD,
}

// The kernel answers as a plain reading of the configuration says. Each filter is put on a thread of a process of its own,
// which ends with its filters.
func TestKernelFilters(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), "STAVE_TEST_INSIDE=filters")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func askTheKernel() int {
	wrong := make(chan string)
	for seed := range uint64(40) {
		go func() {
			runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
			wrong <- askThread(seed)
		}()
		if s := <-wrong; s != "" {
			os.Stderr.WriteString(s + "\n")
			return 1
		}
	}
	return 0
}

// askThread installs a random filter on this thread and makes calls that it decides about.
func askThread(seed uint64) string {
	random := rand.New(rand.NewPCG(seed, 1))
	s := &specs.LinuxSeccomp{DefaultAction: specs.ActAllow}
	var names []string
	for name := range harmless {
		names = append(names, name)
	}
	for i := range 1 + random.IntN(20) {
		n := uint(100 + i)
		c := specs.LinuxSyscall{Names: []string{names[random.IntN(len(names))]}, Action: specs.ActErrno, ErrnoRet: &n}
		for range random.IntN(4) {
			c.Args = append(c.Args, specs.LinuxSeccompArg{Index: uint(random.IntN(6)), Op: operators[random.IntN(7)],
				Value: edges[random.IntN(len(edges))], ValueTwo: edges[random.IntN(len(edges))]})
		}
		s.Syscalls = append(s.Syscalls, c)
	}
	f, err := Compile(s)
	if err != nil {
		return err.Error()
	}
	program := unix.SockFprog{Len: uint16(len(f.instructions())), Filter: &f.instructions()[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err.Error()
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, uintptr(f.flags), uintptr(unsafe.Pointer(&program))); e != 0 {
		return "seccomp: " + e.Error()
	}
	table := readTable()
	for name, number := range harmless {
		for range 200 {
			d := syscallData{number: uint32(number), arch: machine(runtime.GOARCH)[0].token}
			for i := range d.args {
				d.args[i] = edges[random.IntN(len(edges))]
			}
			_, _, e := unix.RawSyscall6(number, uintptr(d.args[0]), uintptr(d.args[1]), uintptr(d.args[2]), uintptr(d.args[3]), uintptr(d.args[4]), uintptr(d.args[5]))
			want := unix.Errno(0)
			if a := expect(s, runtime.GOARCH, table, d); a != unix.SECCOMP_RET_ALLOW {
				want = unix.Errno(a & unix.SECCOMP_RET_DATA)
			}
			if e != want {
				return name + ": " + e.Error() + ", not " + want.Error()
			}
		}
	}
	return ""
}

// carryOut runs a plan whose child ends with these operations.
func carryOut(t *testing.T, parts ...func(*plan.Plan)) error {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var p plan.Plan
	p.Clone(0, "", "", "")
	for _, part := range parts {
		part(&p)
	}
	p.Add(plan.Op{Actor: plan.Child, What: "ending", Calls: []plan.Call{{Name: "exit_group", Args: []plan.Arg{plan.Int(7)}}}})
	proc, err := p.Run(plan.Options{})
	if err != nil {
		return err
	}
	defer unix.Close(proc.PidFD)
	if code, err := proc.Wait(); err != nil || code != 7 {
		t.Errorf("the child ended with %d, %v", code, err)
	}
	return nil
}

func calling(name string, args ...plan.Arg) func(*plan.Plan) {
	return func(p *plan.Plan) {
		p.Add(plan.Op{Actor: plan.Child, What: "calling " + name, Calls: []plan.Call{{Name: name, Args: args}}})
	}
}

// A filter as a plan installs it.
func TestInstall(t *testing.T) {
	number := uint(unix.EXDEV)
	s := &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Flags: []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagLog, "SECCOMP_FILTER_FLAG_TSYNC"},
		Syscalls: []specs.LinuxSyscall{{Names: []string{"umask"}, Action: specs.ActErrno, ErrnoRet: &number, Args: []specs.LinuxSeccompArg{{Value: 0o77, Op: specs.OpEqualTo}}}}}
	f, err := Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := carryOut(t, NoNewPrivileges, f.Install, calling("umask", plan.Mode(0o22))); err != nil {
		t.Errorf("an allowed call: %v", err)
	}
	if err := carryOut(t, NoNewPrivileges, f.Install, calling("umask", plan.Mode(0o77))); !errors.Is(err, unix.EXDEV) {
		t.Errorf("a forbidden call: %v, want %v", err, unix.EXDEV)
	}
	var none *Filter
	if err := carryOut(t, none.Install); err != nil {
		t.Errorf("no filter: %v", err)
	}
}

// A listener's descriptor is a result of the plan, and another process that has it decides.
func TestListener(t *testing.T) {
	f, err := Compile(&specs.LinuxSeccomp{DefaultAction: specs.ActAllow, ListenerPath: "/run/x", ListenerMetadata: "m",
		Flags:    []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagWaitKillableRecv},
		Syscalls: []specs.LinuxSyscall{{Names: []string{"umask"}, Action: specs.ActNotify}}})
	if err != nil || f.Listener != "/run/x" || f.Metadata != "m" {
		t.Fatalf("%+v, %v", f, err)
	}
	fetch := func(p *plan.Plan) {
		p.Add(plan.Op{Actor: plan.Parent, What: "fetching the listener", Calls: []plan.Call{
			{Name: "pidfd_getfd", Args: []plan.Arg{plan.Ref("pidfd"), plan.Ref(Listener), plan.Int(0)}, Result: "fetched"}}})
	}
	decide := func(p *plan.Plan) { // the same process would wait for itself; so nobody decides, and closing the last descriptor makes the call ENOSYS
		p.Add(plan.Op{Actor: plan.Parent, What: "letting go", Calls: []plan.Call{{Name: "close", Args: []plan.Arg{plan.Ref("fetched")}}}})
		p.Add(plan.Op{Actor: plan.Child, What: "letting go", Calls: []plan.Call{{Name: "close", Args: []plan.Arg{plan.Ref(Listener)}}}})
	}
	if err := carryOut(t, NoNewPrivileges, f.Install, fetch, decide, calling("umask", plan.Mode(0))); !errors.Is(err, unix.ENOSYS) {
		t.Errorf("a call whose listener is gone: %v, want %v", err, unix.ENOSYS)
	}
}

// Without a security module, a label is refused by name and not forgotten.
func TestLabels(t *testing.T) {
	for _, tc := range []struct{ field, apparmor, selinux string }{
		{"process.apparmorProfile", "docker-default", ""}, {"process.selinuxLabel", "", "system_u:system_r:container_t:s0"},
	} {
		if b, err := os.ReadFile("/sys/kernel/security/lsm"); err == nil && (strings.Contains(string(b), "apparmor") || strings.Contains(string(b), "selinux")) {
			script.Skip(t, "no-labels", "this machine has a security module that labels; the test is for those without")
		}
		err := carryOut(t, func(p *plan.Plan) {
			if err := Labels(p, tc.apparmor, tc.selinux); err != nil {
				t.Fatal(err)
			}
		})
		if err == nil || !strings.Contains(err.Error(), "setting "+tc.field) || !(errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EPERM)) {
			t.Errorf("%s: %v", tc.field, err)
		}
	}
	if err := Labels(&plan.Plan{}, strings.Repeat("x", 5000), ""); err == nil {
		t.Error("a label of 5000 bytes was accepted")
	}
}
