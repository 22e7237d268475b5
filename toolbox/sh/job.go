package sh

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// job is what was started together: a program, or all of a pipeline. With job control it is a process group.
type job struct {
	number     int // 0 for one that was never in the background
	text       string
	processes  []*process
	group      int // process group, 0 without job control
	background bool
	known      string // of another shell's job: what was known of it
	failed     int    // status of the last command, where that could not be started; -1 otherwise
}

func (s *shell) newJob(text string) *job { return &job{text: text, failed: -1} }

// start starts a process as part of a job.
func (s *shell) start(j *job, path string, args, env []string, files map[int]*os.File) error {
	program, done, err := newProgram(path, args, env, files)
	defer done()
	if err != nil {
		return err
	}
	if s.control != nil {
		program.ownGroup, program.group = true, int32(j.group)
		if j.group == 0 && !j.background {
			program.terminal = s.control.fd
		}
	} else if j.background {
		// Without job control nothing else keeps Ctrl-C from what is in the background; see POSIX, 2.11.
		defer s.signals.withoutInterrupts()()
	}
	p, err := s.children.start(program)
	if err != nil {
		return err
	}
	j.processes = append(j.processes, p)
	j.failed = -1
	if s.control != nil && j.group == 0 {
		j.group = p.pid
	}
	return nil
}

// state of a job: over when all its processes have ended, stopped when those that haven't are stopped.
func (s *shell) state(j *job) (over, stopped bool) {
	over = true
	for _, p := range j.processes {
		switch state := s.children.state(p); {
		case state.ended:
		case state.stopped:
			over, stopped = false, true
		default:
			return false, false
		}
	}
	return over, stopped
}

// waitFor waits until a job in the foreground is over or stopped, and sets the status to what it says.
func (s *shell) waitFor(j *job) error {
	s.passEarlier(j)
	for {
		over, stopped := s.state(j)
		if stopped && s.copied && s.interactive {
			s.resume(j) // a copy can't leave a job behind
			continue
		}
		if over || stopped && s.control != nil {
			break
		}
		select {
		case <-s.children.changed:
		case sig := <-s.signals.arrived:
			s.passOrNote(j, sig)
		}
	}
	if s.control != nil {
		s.control.take()
	}
	s.status = s.jobStatus(j)
	return s.finished(j)
}

// passOrNote handles a signal that comes while a job in the foreground is waited for. With job control, what the terminal
// sends goes to the job's group and not to the shell's. If it comes to the shell, the key was pressed in the moment
// between the start of the job and when it was given the terminal, and was meant for the job.
func (s *shell) passOrNote(j *job, sig os.Signal) {
	switch sig {
	case unix.SIGINT, unix.SIGQUIT, unix.SIGTSTP:
		if s.control != nil && j.group != 0 {
			unix.Kill(-j.group, sig.(unix.Signal))
			return
		}
	}
	s.signals.note(sig)
}

// passEarlier passes on what was pressed before the job had started and after the shell had last looked.
func (s *shell) passEarlier(j *job) {
	s.signals.poll()
	earlier := s.signals.pending
	s.signals.pending = nil
	for _, sig := range earlier {
		s.passOrNote(j, sig)
	}
	interrupted := s.control == nil && !s.trapped("INT") && slices.Contains(s.signals.pending, unix.SIGINT)
	if !interrupted && s.endedBy(j) != unix.SIGINT { // those behind one that it has ended weren't there yet
		return
	}
	for _, p := range j.processes {
		if state := s.children.state(p); !state.ended {
			unix.Kill(p.pid, unix.SIGINT)
		}
	}
}

// resume lets a stopped job go on.
func (s *shell) resume(j *job) {
	for _, p := range j.processes {
		s.children.resumed(p)
	}
	if j.group != 0 {
		unix.Kill(-j.group, unix.SIGCONT)
		return
	}
	for _, p := range j.processes {
		unix.Kill(p.pid, unix.SIGCONT)
	}
}

// jobStatus is the status of the last process, or with pipefail that of the last that failed.
func (s *shell) jobStatus(j *job) int {
	status := j.failed
	if status < 0 && len(j.processes) > 0 {
		last := s.children.state(j.processes[len(j.processes)-1])
		status = last.exitStatus()
	}
	if !s.options.pipeFail || status != success {
		return max(status, success)
	}
	for _, p := range slices.Backward(j.processes) {
		state := s.children.state(p)
		if status := state.exitStatus(); status != success {
			return status
		}
	}
	return success
}

// finished looks at how a job in the foreground ended.
func (s *shell) finished(j *job) error {
	if _, stopped := s.state(j); stopped {
		s.list(j)
		fmt.Fprintf(s.file(2), "\n[%d]  Stopped  %s\n", j.number, j.text)
		return unwind{kind: toPrompt}
	}
	s.forget(j)
	interrupted := s.signals.takeInterrupt() // it was the job's
	sig := s.endedBy(j)
	if sig == unix.SIGINT {
		s.status = max(s.status, signalled+int(sig))
	}
	if sig != 0 && s.editor != nil {
		s.editor.restore() // it had no time to put the terminal in order
	}
	switch {
	case sig == unix.SIGINT && s.interactive:
		fmt.Fprintln(s.file(2)) // after the ^C that the terminal shows
		return unwind{kind: toPrompt}
	case sig == unix.SIGINT && interrupted && !s.trapped("INT"):
		return unwind{kind: toPrompt} // whoever pressed Ctrl-C meant the script too
	case sig != 0 && sig != unix.SIGPIPE && s.interactive:
		fmt.Fprintln(s.file(2), ended(sig))
	}
	return nil
}

// endedBy returns the signal that ended a job: that of the last process; but SIGINT if any died of it, as in Bash. The key
// can be pressed when the last isn't there yet, or has just seen the end of its input because another was quicker to die.
func (s *shell) endedBy(j *job) unix.Signal {
	var sig unix.Signal
	for i, p := range j.processes {
		state := s.children.state(p)
		if state.status.Signal() == unix.SIGINT {
			return unix.SIGINT
		}
		if last := i == len(j.processes)-1 && j.failed < 0; last && state.status.Signaled() {
			sig = state.status.Signal()
		}
	}
	return sig
}

// ended is how a shell says which signal ended a process.
func ended(sig unix.Signal) string {
	if sig == unix.SIGKILL { // the kernel's word for it when it runs out of memory
		return "Killed"
	}
	text := sig.String()
	return strings.ToUpper(text[:1]) + text[1:]
}

// list gives a job a number, by which %1 names it.
func (s *shell) list(j *job) {
	if j.number == 0 {
		for _, other := range s.jobs {
			j.number = max(j.number, other.number)
		}
		j.number++
	}
	s.forget(j)
	s.jobs = append(s.jobs, j) // the last is the current one
}

func (s *shell) forget(j *job) {
	s.jobs = slices.DeleteFunc(s.jobs, func(other *job) bool { return other == j })
}

// find returns the job that %1, %%, %+, %- or a process id names.
func (s *shell) find(name string) (*job, error) {
	number, isJob := strings.CutPrefix(name, "%")
	if !isJob {
		pid, err := strconv.Atoi(name)
		for _, j := range s.jobs {
			for _, p := range j.processes {
				if err == nil && p.pid == pid {
					return j, nil
				}
			}
		}
		return nil, fmt.Errorf("%s: not a child of this shell", name)
	}
	at := len(s.jobs) - 1
	switch number {
	case "", "%", "+":
	case "-":
		at--
	default:
		n, err := strconv.Atoi(number)
		at = slices.IndexFunc(s.jobs, func(j *job) bool {
			return err == nil && j.number == n || err != nil && strings.HasPrefix(j.text, number)
		})
	}
	if at < 0 {
		return nil, fmt.Errorf("%s: no such job", name)
	}
	return s.jobs[at], nil
}

// report tells what has become of jobs in the background, before a prompt.
func (s *shell) report() {
	for _, j := range slices.Clone(s.jobs) {
		if over, _ := s.state(j); over {
			fmt.Fprintf(s.file(2), "[%d]  %s  %s\n", j.number, s.describe(j), j.text)
			s.forget(j)
		}
	}
}

func (s *shell) describe(j *job) string {
	if j.known != "" {
		return j.known
	}
	over, stopped := s.state(j)
	switch {
	case stopped:
		return "Stopped"
	case !over:
		return "Running"
	}
	if len(j.processes) > 0 && j.failed < 0 {
		if last := s.children.state(j.processes[len(j.processes)-1]); last.status.Signaled() {
			return ended(last.status.Signal())
		}
	}
	if status := s.jobStatus(j); status != success {
		return fmt.Sprintf("Exit %d", status)
	}
	return "Done"
}
