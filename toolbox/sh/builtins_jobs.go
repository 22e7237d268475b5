package sh

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	killer "stave/toolbox/cmd/kill"
)

func jobs(s *shell, args []string) error {
	s.status = success
	all := slices.Concat(s.others, s.jobs)
	for i, j := range all {
		mark := " "
		if i == len(all)-1 {
			mark = "+"
		}
		switch {
		case slices.Contains(args, "-p"):
			s.printf("%d\n", j.processes[0].pid)
		case slices.Contains(args, "-l"):
			s.printf("[%d]%s %d %-8s %s\n", j.number, mark, j.processes[0].pid, s.describe(j), j.text)
		default:
			s.printf("[%d]%s  %-8s %s\n", j.number, mark, s.describe(j), j.text)
		}
		if over, _ := s.state(j); over {
			s.forget(j)
		}
	}
	return nil
}

// wait waits for jobs in the background: those named, or all. A signal that has a trap ends it.
func wait(s *shell, args []string) error {
	s.status = success
	wanted := slices.Clone(s.jobs)
	if names := args[1:]; len(names) > 0 {
		wanted = nil
		for _, name := range names {
			j, err := s.find(name)
			if err != nil {
				s.errorf("wait: %v", err)
				s.status = notFound
				continue
			}
			wanted = append(wanted, j)
		}
	}
	for _, j := range wanted {
		caught, err := s.waitInBackground(j)
		if err != nil || caught != 0 {
			s.status = signalled + int(caught)
			if err != nil {
				return err
			}
			return s.checkpoint()
		}
		if len(args) > 1 {
			s.status = s.jobStatus(j)
		}
	}
	return nil
}

// waitInBackground waits until a job is over, and returns the signal that came first, if one did.
func (s *shell) waitInBackground(j *job) (unix.Signal, error) {
	for {
		if over, _ := s.state(j); over {
			s.forget(j)
			return 0, nil
		}
		s.signals.poll()
		for _, sig := range s.signals.pending {
			if s.traps[signalName(sig)] != "" {
				return sig, nil
			}
			if sig == unix.SIGINT && !s.trapped("INT") {
				return sig, s.checkpoint()
			}
		}
		s.signals.pending = nil
		select {
		case <-s.children.changed:
		case sig := <-s.signals.arrived:
			s.signals.note(sig)
		}
	}
}

// killCommand is kill, which is a builtin to know jobs, and to work where no process can be started any more.
func killCommand(s *shell, args []string) error {
	words := args[:1:1]
	for i, word := range args[1:] {
		if !strings.HasPrefix(word, "%") {
			words = append(words, word)
			continue
		}
		j, err := s.find(word)
		if err != nil {
			s.errorf("kill: %v", err)
			s.status = failure
			return nil
		}
		if i == 0 { // or a process group, which is negative, would be taken for a signal
			words = append(words, "--")
		}
		words = append(words, jobTarget(j))
	}
	status, sent := killer.Run(words, s.file(1), s.file(2))
	s.status = status
	if self := strconv.Itoa(os.Getpid()); sent != 0 && status == success && slices.Contains(words, self) {
		s.signals.await()
	}
	return nil
}

func foreground(s *shell, args []string) error {
	j, err := s.current(args)
	if err != nil {
		return s.refuse("fg: %v", err)
	}
	j.background = false
	s.control.give(j.group)
	s.printf("%s\n", j.text) // when the terminal is the job's: a Ctrl-C in answer to this is for the job
	s.resume(j)
	return s.waitFor(j)
}

func background(s *shell, args []string) error {
	j, err := s.current(args)
	if err != nil {
		return s.refuse("bg: %v", err)
	}
	s.printf("[%d]  %s &\n", j.number, j.text)
	j.background = true
	s.resume(j)
	s.status = success
	return nil
}
