package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"stave/final/plan"
)

// A Group is a container's cgroup that exists: its directories, one in each hierarchy.
type Group struct {
	dirs []string
	v2   func() string // the one of version 2, or ""
}

// Open is the cgroup with the directories that were recorded. Nothing is looked at yet.
func Open(dirs []string) Group {
	return Group{dirs, sync.OnceValue(func() string {
		for _, d := range dirs {
			if unix.Access(filepath.Join(d, "cgroup.controllers"), unix.F_OK) == nil {
				return d
			}
		}
		return ""
	})}
}

// with is the first of the directories that has a file, as a path of the file, or "".
func (g Group) with(file string) string {
	dirs := g.dirs
	if strings.HasPrefix(file, "cgroup.") && file != "cgroup.procs" { // those that only version 2 has
		dirs = []string{g.v2()}
	}
	for _, d := range dirs {
		if d == "" {
			continue
		}
		if path := filepath.Join(d, file); unix.Access(path, unix.F_OK) == nil {
			return path
		}
	}
	return ""
}

// main is the directory by which processes are found: version 2's where there is one, because the kernel keeps more of it there.
func (g Group) main() string {
	if dir := g.v2(); dir != "" {
		return dir
	}
	if len(g.dirs) == 0 {
		return ""
	}
	return g.dirs[0]
}

// Pids are the processes in the cgroup and in those below it, each once.
func (g Group) Pids() ([]int, error) {
	top := g.main()
	if top == "" {
		return nil, nil
	}
	var pids []int
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			return nil
		}
		var text string
		if err == nil {
			text, err = read(filepath.Join(path, "cgroup.procs"))
		}
		switch {
		case errors.Is(err, unix.EOPNOTSUPP): // threads, whose processes are listed above
			return nil
		case path != top && (errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV)): // removed meanwhile
			return nil
		case err != nil:
			return err
		}
		for word := range strings.FieldsSeq(text) {
			if pid, err := strconv.Atoi(word); err == nil && pid > 0 {
				pids = append(pids, pid)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing the processes of the cgroup %s: %w", top, err)
	}
	slices.Sort(pids)
	return slices.Compact(pids), nil
}

// Kill ends every process of the cgroup, frozen or not: at once where the kernel can (5.14 and version 2), else one by one with
// all of them held, so that none escapes by forking. They may take a moment to be gone.
func (g Group) Kill() error {
	var errs []error
	if file := g.with("cgroup.kill"); file != "" {
		errs = append(errs, write(file, "1"))
	} else if state := g.with("freezer.state"); state != "" {
		_ = write(state, "FROZEN") // how far it has come doesn't matter: what isn't frozen yet is about to be
	}
	for _, d := range g.dirs { // with rights of its own, a container can be in one hierarchy and not in another
		pids, err := Open([]string{d}).Pids()
		if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENODEV) {
			errs = append(errs, err)
		}
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGKILL) // it may be gone, which is what is wanted
		}
	}
	return errors.Join(append(errs, g.thawV1())...)
}

// Into is as [Cgroup.Into] for the child of a second plan, whose container's first process is init. On version 2 a container may
// have moved its processes to a cgroup below, to divide its own. Then nothing else may join that (cgroups(7), "no internal
// processes" rule), and the child goes where init is.
func (g Group) Into(p *plan.Plan, init int) (string, error) {
	dir, err := g.home(init)
	if err != nil || dir == "" {
		return "", err
	}
	return openDir(p, dir), nil
}

// Add appends the operations by which that child joins, right after clone; born says that it was made with what Into gave.
func (g Group) Add(p *plan.Plan, init int, born bool) error {
	if !born {
		home, err := g.home(init)
		if err != nil {
			return err
		}
		if home != "" {
			move(p, home)
		}
	}
	var doors []string
	var opening []plan.Call
	for _, d := range g.dirs {
		if d != g.v2() {
			door := p.Name("tasks")
			doors, opening = append(doors, door), append(opening, openTasks(d, door))
		}
	}
	if len(doors) > 0 {
		enter(p, doors, opening)
	}
	return nil
}

// home is the directory of version 2 that further processes join, or "".
func (g Group) home(init int) (string, error) {
	dir := g.v2()
	if dir == "" {
		return "", nil
	}
	text, err := read(fmt.Sprintf("/proc/%d/cgroup", init))
	if err != nil {
		return "", fmt.Errorf("finding the cgroup of process %d: %w", init, err)
	}
	if below := leaf(dir, text); below != "" {
		return below, nil
	}
	return dir, nil
}

// leaf is what /proc/PID/cgroup says of version 2, as a directory below dir, or "". It is a path from the top of the hierarchy,
// wherever that is mounted, so what the two have in common is looked for, the longest first.
func leaf(dir, text string) string {
	for line := range strings.Lines(text) {
		own, ok := strings.CutPrefix(strings.TrimSpace(line), "0::")
		for end := dir; ok && end != ""; {
			if own == end {
				return ""
			}
			if rest, below := strings.CutPrefix(own, end+"/"); below {
				return filepath.Join(dir, rest)
			}
			_, end, _ = strings.Cut(end[1:], "/")
			if end != "" {
				end = "/" + end
			}
		}
	}
	return ""
}

// read is a file of a cgroup or of /proc, whole.
func read(file string) (string, error) {
	b, err := plan.ReadFile(file)
	return string(b), err
}

// write sets a file that must be there already: where a cgroup's files are expected, a new one would mean we are somewhere else.
func write(file, value string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}
