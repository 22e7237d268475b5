package grade

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"stave/internal/script"
	"stave/workbook/exercise"
)

// A message is a line that the checker sends out.
type message struct {
	Ready   bool             `json:"ready,omitempty"`   // all is prepared: what goes wrong from here on is the student's doing
	Verdict *exercise.Result `json:"verdict,omitempty"` // the last one
}

// runCheck is process 1 of the sandbox. Its standard input is the socket on which the verdict goes out; a socket, because a
// link to /proc/self/fd that a student leaves in the checker's way can open a pipe, and no socket.
func runCheck() error {
	fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return err
	}
	channel := os.NewFile(uintptr(fd), "channel")
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	if err := unix.Dup3(int(null.Fd()), 0, 0); err != nil {
		return err
	}
	if len(os.Args) != 2 {
		return errors.New("usage: check PATIENCE")
	}
	patience, err := time.ParseDuration(os.Args[1])
	if err != nil {
		return err
	}
	for name, value := range map[string]string{
		"PATH": toolsDir, "TMPDIR": workDir, "GOTMPDIR": workDir, "STAVE_TOOLBOX": toolboxDir, "HOME": workDir,
	} {
		os.Setenv(name, value)
	}
	// If the machine's memory runs out it's the sandbox that goes, proc_pid_oom_score_adj(5).
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0); err != nil {
		return err
	}
	if err := settle(); err != nil {
		return err
	}
	w := &world{}
	if w.cgroups, err = shareCgroups(); err != nil {
		return fmt.Errorf("dividing the cgroup: %w", err)
	}
	out := json.NewEncoder(channel)
	var failed error
	setup := func(work string) (end func(), err error) {
		if end, failed = w.begin(work); failed == nil {
			failed = out.Encode(message{Ready: true})
		}
		return end, failed
	}
	r, err := exercise.CheckWith(context.Background(), script.Options{File: scriptFile, Programs: frontDir, Patience: patience, Setup: setup})
	if err := errors.Join(failed, err); err != nil {
		return err
	}
	r.Output = abridge(r.Output)
	return out.Encode(message{Verdict: &r})
}

// settle makes read-only what the checker shares with the world or might be led to by a link, and need not be changed.
func settle() error {
	dirs := []string{"/dev"}
	var is unix.Statfs_t
	if err := unix.Statfs(cgroupsDir, &is); err == nil && is.Type == unix.TMPFS_MAGIC { // where those of version 1 are mounted
		dirs = append(dirs, cgroupsDir)
	}
	for _, dir := range dirs {
		if err := readOnly(dir); err != nil {
			return err
		}
	}
	return nil
}

func readOnly(dir string) error {
	if err := unix.MountSetattr(unix.AT_FDCWD, dir, 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		return fmt.Errorf("making %s read-only: %w", dir, err)
	}
	return nil
}

// mostTold is how much of what a program has printed goes out with a verdict, in bytes.
const mostTold = 64 << 10

func abridge(text string) string {
	if len(text) <= mostTold {
		return text
	}
	return text[:mostTold/2] + "\n…\n" + text[len(text)-mostTold/2:]
}
