package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// more is how a user gets more than one id in there.
const more = "more ids take newuidmap(1) and a range of them in /etc/subuid and /etc/subgid"

// user is as whom the program runs.
type user struct {
	Namespace string // "" or "keep-id"
}

func (u *user) flags(run *cobra.Command) {
	run.Flags().StringVar(&u.Namespace, "userns", "", "with \"keep-id\", run the program as whoever you are outside")
}

// child prepares one more user namespace, for the program alone. In it, our root is whoever it is outside, and so it has no
// capability once it has been executed.
func (u *user) child(process *syscall.SysProcAttr) error {
	if u.Namespace == "" {
		return nil
	}
	if u.Namespace != "keep-id" {
		return fmt.Errorf("--userns %s: want keep-id", u.Namespace)
	}
	if !inUserNamespace() {
		return nil // root outside is root inside
	}
	uid, err := outside("uid")
	if err != nil {
		return err
	}
	_, err = outside("gid")
	if err != nil {
		return err
	}
	process.Cloneflags |= unix.CLONE_NEWUSER
	process.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: 0, Size: 1}}
	process.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}
	process.Credential = nil // whom an image wants there isn't in there
	return nil
}

// outside is what root of our user namespace is in the one around it.
func outside(kind string) (int, error) {
	lines, err := os.ReadFile("/proc/self/" + kind + "_map")
	if err != nil {
		return 0, err
	}
	var inside, id int
	if _, err := fmt.Sscan(string(lines), &inside, &id); err != nil || inside != 0 {
		return 0, fmt.Errorf("there is no root in %s", lines)
	}
	return id, nil
}

// A user namespace has ids of its own, each of which stands for one outside. Whoever makes one has all of root's
// capabilities in it, over what belongs to those ids and to namespaces made from there. So an ordinary user makes one
// before anything else, and then is root. See user_namespaces(7).
//
// insideCommand is where the way in leads. Every other command goes that way first, unless it is root's.
func insideCommand(step *cobra.Command) *cobra.Command {
	second := &cobra.Command{Use: "inside", Hidden: true, DisableFlagParsing: true, RunE: func(_ *cobra.Command, args []string) error {
		if err := inside(); err != nil {
			return err
		}
		step.SetArgs(args)
		return step.Execute()
	}}
	step.PersistentPreRunE = func(c *cobra.Command, _ []string) error {
		if os.Geteuid() == 0 || c == second {
			return nil
		}
		return enter()
	}
	return second
}

// enter starts this command once more, in a user namespace, writes down which ids there are in it, and waits for the end.
func enter() error {
	runtime.LockOSThread() // for Pdeathsig, as in main.go
	signals := catch()
	receive, send, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("making a pipe: %w", err)
	}
	again := &exec.Cmd{Path: "/proc/self/exe", Args: slices.Concat(os.Args[:1], []string{"inside"}, os.Args[1:])}
	again.Stdin, again.Stdout, again.Stderr, again.ExtraFiles = os.Stdin, os.Stdout, os.Stderr, []*os.File{receive}
	again.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER, Pdeathsig: unix.SIGKILL}
	// Nothing is mapped when it is executed, so it isn't root, and would lose all capabilities but those called ambient.
	for number := range uintptr(unix.CAP_LAST_CAP + 1) {
		again.SysProcAttr.AmbientCaps = append(again.SysProcAttr.AmbientCaps, number)
	}
	if err := again.Start(); err != nil {
		// By its text alone, or main.go would advise "unshare -Ur", which can't do any better.
		return fmt.Errorf("creating a user namespace: %s: be root, or see what \"go run ./workbook doctor\" says", err.Error())
	}
	defer again.Wait()
	defer again.Process.Kill()
	receive.Close()
	if err := mapIDs(again.Process.Pid); err != nil {
		return fmt.Errorf("mapping user and group ids: %w", err)
	}
	if _, err := send.WriteString("mapped"); err != nil {
		return fmt.Errorf("sending word of it: %w", err)
	}
	err = wait(again, send, signals)
	if err == nil {
		os.Exit(0) // the command has been carried out, inside
	}
	return err
}

// inside waits until it is root.
func inside() error {
	runtime.LockOSThread() // what follows is about a thread
	pipe := os.NewFile(3, "pipe")
	if _, err := pipe.Read(make([]byte, 1)); err != nil {
		return fmt.Errorf("waiting for ids: %w", err)
	}
	pipe.Close()
	return inheritNothing()
}

// inheritNothing keeps capabilities from being handed on by execve(2) because they were handed on to us. Root gets all of
// them there anyhow. To be ambient, one has to be inheritable: capabilities(7).
func inheritNothing() error {
	header := &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	err := unix.Capget(header, &data[0])
	if data[0].Inheritable, data[1].Inheritable = 0, 0; err == nil {
		err = unix.Capset(header, &data[0])
	}
	if err != nil {
		return fmt.Errorf("clearing the inheritable capabilities: %w", err)
	}
	return nil
}

// mapIDs says what the ids in a process's user namespace stand for. Root is whoever we are. Where an administrator has
// granted us ids besides our own, they are 1 and up; two programs may write that, because they look whether it is so.
func mapIDs(pid int) error {
	uid, gid := strconv.Itoa(os.Geteuid()), strconv.Itoa(os.Getegid())
	uids, gids := granted("/etc/subuid", uid), granted("/etc/subgid", uid)
	newuidmap, errUID := exec.LookPath("newuidmap")
	newgidmap, errGID := exec.LookPath("newgidmap")
	if uids != nil && gids != nil && errUID == nil && errGID == nil {
		for _, args := range [][]string{
			{newuidmap, strconv.Itoa(pid), "0", uid, "1", "1", uids[0], uids[1]},
			{newgidmap, strconv.Itoa(pid), "0", gid, "1", "1", gids[0], gids[1]},
		} {
			if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
				return errors.New(cmp.Or(strings.TrimSpace(string(out)), err.Error()))
			}
		}
		return nil
	}
	proc := fmt.Sprintf("/proc/%d/", pid)
	// A group can also take rights away, from its members. Who could leave it in here would get them back: CVE-2014-8989.
	if err := write(proc+"setgroups", "deny"); err != nil {
		return err
	}
	if err := write(proc+"uid_map", "0 "+uid+" 1"); err != nil {
		return err
	}
	return write(proc+"gid_map", "0 "+gid+" 1")
}

// granted is the range, its start and its length, that a file of lines NAME:START:LENGTH has for a user: subuid(5).
func granted(file, uid string) []string {
	names := []string{uid}
	if account := lookup("/etc/passwd", uid, 7); account != nil {
		names = append(names, account[0])
	}
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if fields := strings.Split(strings.TrimSpace(line), ":"); len(fields) == 3 && slices.Contains(names, fields[0]) {
			return fields[1:]
		}
	}
	return nil
}

// mapped reports whether there is such an id in our user namespace; kind is "uid" or "gid".
func mapped(kind string, id uint64) bool {
	lines, _ := os.ReadFile("/proc/self/" + kind + "_map")
	for line := range strings.Lines(string(lines)) {
		var first, outside, length uint64
		if n, _ := fmt.Sscan(line, &first, &outside, &length); n == 3 && first <= id && id < first+length {
			return true
		}
	}
	return false
}

// setgroupsDenied reports whether groups can't be changed in our user namespace.
func setgroupsDenied() bool {
	word, _ := os.ReadFile("/proc/self/setgroups")
	return string(word) == "deny\n"
}
