package security

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"stave/final/plan"
	"stave/internal/script"
)

// victim is a runtime whose container attacks it: it carries out a plan, with or without Guard, and ends.
//   - "beside": the child waits, and another process of the container, here the test, opens /proc/PID/exe.
//   - "itself": the container's program is a link to /proc/self/exe, so that the runtime's program is executed inside.
func victim(attack string, guarded, userns bool) error {
	runtime.LockOSThread()
	var p plan.Plan
	if userns {
		p.Clone(unix.CLONE_NEWUSER, "CLONE_NEWUSER", "", "")
	} else {
		p.Clone(0, "", "", "")
	}
	if guarded {
		if warnings, err := Guard(&p); err != nil || warnings != nil {
			return fmt.Errorf("%q, %w", warnings, err)
		}
	}
	if attack == "itself" {
		script, err := filepath.Abs("testdata/overwrite.sh")
		if err != nil {
			return err
		}
		calling("execve", plan.Str("/proc/self/exe"), plan.Strs([]string{"sh"}), plan.Strs([]string{"STAVE_TEST_INSIDE=taken", "SCRIPT=" + script}))(&p)
		_, err = p.Run(plan.Options{})
		return err
	}
	p.Leave("")
	calling("read", plan.Int(0), plan.Bytes("byte", make([]byte, 8)), plan.Int(1))(&p)
	calling("exit_group", plan.Int(0))(&p)
	proc, err := p.Run(plan.Options{})
	if err == nil {
		fmt.Println(proc.Pid)
	}
	return err
}

// taken is the runtime's program executed by the container, which keeps it open and goes on as something else.
func taken() error {
	fd, err := unix.Open("/proc/self/exe", unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	if err := unix.Dup3(fd, 9, 0); err != nil {
		return err
	}
	return syscall.Exec("/bin/sh", []string{"sh", os.Getenv("SCRIPT")}, os.Environ())
}

// attackFrom makes a runtime of a copy of this test and has it attacked. It returns what the attacker said, and whether the program is as it was.
func attackFrom(t *testing.T, attack string, guarded bool, uid int) (string, bool) {
	t.Helper()
	own, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/tmp", "stave-test-") // which others may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	file := filepath.Join(dir, "runtime")
	for _, err := range []error{os.Chmod(dir, 0o755), os.WriteFile(file, own, 0o755), os.Chown(dir, uid, uid), os.Chown(file, uid, uid)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(file, attack, fmt.Sprint(guarded), fmt.Sprint(uid != 0))
	cmd.Env = append(os.Environ(), "STAVE_TEST_INSIDE=victim")
	if uid != os.Geteuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	var said string
	if attack == "itself" {
		out, err := cmd.CombinedOutput() // until whoever was started in turn has ended, too
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		said = string(out)
	} else {
		said = attackBeside(t, cmd)
	}
	now, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return said, bytes.Equal(own, now)
}

// attackBeside opens the waiting child's program, has everybody end who executes it, and writes.
func attackBeside(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	gate, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	program, err := os.Open(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	gate.Close()
	if _, err := io.Copy(io.Discard, out); err != nil { // the child's end closes the last copy of it
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	shell := exec.Command("/bin/sh", "testdata/overwrite.sh")
	shell.ExtraFiles = []*os.File{3: nil, 4: nil, 5: nil, 6: program} // descriptor 9
	said, err := shell.CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	return string(said)
}

// Root of a container can't write to the runtime's program; without Guard, it can.
func TestGuard(t *testing.T) {
	script.Need(t, "exec:sh")
	users := map[string]int{"the caller": os.Geteuid()}
	if os.Geteuid() == 0 {
		users["an ordinary user"] = 65534
	}
	for who, uid := range users {
		for _, attack := range []string{"beside", "itself"} {
			if said, whole := attackFrom(t, attack, false, uid); whole {
				t.Errorf("%s, attack from %s, no guard: the test's attack doesn't work: %s", who, attack, said)
			}
			said, whole := attackFrom(t, attack, true, uid)
			if !whole {
				t.Errorf("%s, attack from %s: the runtime's program was overwritten", who, attack)
			}
			said = strings.ToLower(said)
			if !strings.Contains(said, "read-only file system") && !strings.Contains(said, "operation not permitted") {
				t.Errorf("%s, attack from %s: %q", who, attack, said)
			}
		}
	}
}
