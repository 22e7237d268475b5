package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// A place is somewhere that a job can run: this machine itself, a container, a virtual machine.
type place interface {
	// command is the program that gets the job (bench/job) to run there, with the job's standard input and output as its own.
	command(ctx context.Context, job ...string) *exec.Cmd
	// file is where the job may write, on the disk that it has there.
	file() string
	// said is what the place has to say when a job came to nothing.
	said() string
}

// patience is how long a job may take over what it was asked to take, wherever it runs.
const patience = time.Minute

// ErrSilent is returned when a job ended, or was ended, without a word.
var ErrSilent = errors.New("it said nothing")

// A running job.
type running struct {
	cmd    *exec.Cmd
	place  place
	input  io.WriteCloser
	output *bufio.Reader
	errors strings.Builder
	began  time.Time
	cancel func()
}

// begin starts a job. Its standard input stays open until the end.
func begin(ctx context.Context, p place, limit time.Duration, job ...string) (*running, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	r := &running{cmd: p.command(ctx, job...), place: p, cancel: cancel}
	r.cmd.Stderr = &r.errors
	r.cmd.WaitDelay = 5 * time.Second
	input, err1 := r.cmd.StdinPipe()
	output, err2 := r.cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		cancel()
		return nil, err
	}
	r.input, r.output = input, bufio.NewReader(output)
	r.began = time.Now()
	if err := r.cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	return r, nil
}

// answer waits for the job's first line of output and takes it apart. It returns how long that was after the start.
func (r *running) answer(v any) (time.Duration, error) {
	line, err := r.output.ReadBytes('\n')
	took := time.Since(r.began)
	if err == nil {
		err = json.Unmarshal(line, v)
	} else {
		err = ErrSilent
	}
	return took, err
}

// end ends the job's input, if it still waits for any, and waits for its end. It has to be called in every case.
func (r *running) end() error {
	defer r.cancel()
	_, _ = r.input.Write([]byte("\n")) // a serial port has no end, but it has lines; a job that is gone doesn't read any
	r.input.Close()
	_, copyErr := io.Copy(io.Discard, r.output) // until the job's end: Wait closes the pipe
	return errors.Join(r.cmd.Wait(), copyErr)
}

// explain says of a job that failed all there is to say.
func (r *running) explain(err error) error {
	words := strings.TrimSpace(r.errors.String() + "\n" + r.place.said())
	return fmt.Errorf("running %s: %w\n%s", strings.Join(r.cmd.Args, " "), err, words)
}

// ask runs a job to its end, and returns its answer and how long it took to come.
func ask[T any](ctx context.Context, p place, limit time.Duration, job ...string) (T, time.Duration, error) {
	var v T
	r, err := begin(ctx, p, limit, job...)
	if err != nil {
		return v, 0, err
	}
	took, err := r.answer(&v)
	if err = errors.Join(err, r.end()); err != nil {
		err = r.explain(err)
	}
	return v, took, err
}

// median of an odd number of samples is one of them; of an even number it is the mean of the middle two.
func median(samples []float64) float64 {
	sorted := slices.Sorted(slices.Values(samples))
	if len(sorted) == 0 {
		return 0
	}
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
