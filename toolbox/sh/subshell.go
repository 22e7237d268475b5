package sh

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// snapshot is a shell's state as it is handed to a shell started anew, with what that is to run.
type snapshot struct {
	Name    string
	Params  []string
	Vars    map[string]expand.Variable
	Funcs   map[string]string
	Aliases map[string]string
	Options string
	Pipe    bool // pipefail, which has no letter
	Ignored map[string]string
	Status  int
	PID     int
	Last    int
	Depth   int
	Loops   int
	Files   []int // descriptors above 2
	Jobs    []snapshotJob
	Command string
}

// snapshotJob is what a shell can tell another of its jobs, for `jobs | grep` and the like.
type snapshotJob struct {
	Number, PID int
	State, Text string
}

// stateVariable tells a shell started anew on which descriptor it finds its state.
const stateVariable = "STAVE_SH_STATE"

// startShell starts a shell for a statement, as part of a job.
func (s *shell) startShell(job *job, stmt *syntax.Stmt) error {
	state := snapshot{
		Name: s.name, Params: s.params, Vars: s.vars, Aliases: s.aliases, Funcs: map[string]string{},
		Options: s.options.letters(), Pipe: s.options.pipeFail, Ignored: s.ignored(), Status: s.status,
		PID: s.pid, Last: s.last, Depth: len(s.frames), Loops: s.loops,
	}
	for name, body := range s.funcs {
		state.Funcs[name] = text(body)
	}
	for _, j := range slices.Concat(s.others, s.jobs) {
		state.Jobs = append(state.Jobs, snapshotJob{j.number, j.processes[0].pid, s.describe(j), j.text})
	}
	state.Command = text(stmt)
	files := maps.Clone(s.files)
	at := 3
	for fd := range s.files {
		at = max(at, fd+1)
		if fd > 2 {
			state.Files = append(state.Files, fd)
		}
	}
	content, err := json.Marshal(state)
	if err != nil {
		return err
	}
	file, err := inMemory("sh-state", string(content))
	if err != nil {
		return err
	}
	defer file.Close()
	files[at] = file
	env := append(s.exported(), stateVariable+"="+strconv.Itoa(at))
	if err := s.start(job, self(), os.Args, env, files); err != nil { // named as this one is, as a fork would be
		return fmt.Errorf("starting a subshell: %w", reason(err))
	}
	return nil
}

// text returns a statement in a form that reads back the same, here-documents and all.
func text(stmt *syntax.Stmt) string {
	var out strings.Builder
	if err := syntax.NewPrinter().Print(&out, stmt); err != nil {
		return "false"
	}
	return out.String()
}

// inherited returns the state that the shell that started this one left for it, nil if there was none.
func inherited() *os.File {
	fd, err := strconv.Atoi(os.Getenv(stateVariable))
	os.Unsetenv(stateVariable)
	if err != nil || fd < 3 {
		return nil
	}
	unix.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "sh-state")
}

// resume runs what another shell left to this one.
func resume(file *os.File) int {
	content, err := io.ReadAll(file)
	file.Close()
	var state snapshot
	if err == nil {
		err = json.Unmarshal(content, &state)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "sh: reading the state of the shell before: %v\n", err)
		return misuse
	}
	s := newShell(state.Name)
	s.params, s.vars, s.aliases = state.Params, state.Vars, state.Aliases
	s.status, s.pid, s.last, s.loops = state.Status, state.PID, state.Last, state.Loops
	for _, letter := range state.Options {
		s.options.set(letter, true)
	}
	s.options.monitor = false // what it starts belongs to the job it is part of
	s.options.pipeFail = state.Pipe
	for name := range state.Ignored {
		s.setTrap(name, "")
	}
	for name, body := range state.Funcs {
		if stmt := onlyStatement(body, name); stmt != nil {
			s.funcs[name] = stmt
		}
	}
	for range state.Depth {
		s.frames = append(s.frames, frame{hidden: map[string]expand.Variable{}})
	}
	for _, j := range state.Jobs {
		other := &job{number: j.Number, text: j.Text, known: j.State, processes: []*process{{pid: j.PID}}}
		s.others = append(s.others, other)
	}
	s.adopt(state.Files)
	return s.exit(s.source(strings.NewReader(state.Command), s.name, true))
}

// adopt makes descriptors that were handed down usable in redirections.
func (s *shell) adopt(descriptors []int) {
	for _, fd := range descriptors {
		unix.CloseOnExec(fd)
		s.files[fd] = os.NewFile(uintptr(fd), strconv.Itoa(fd))
	}
}
