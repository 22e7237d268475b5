package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// effort is how much is done.
type effort struct {
	starts, machineStarts   int
	repeats, machineRepeats int // of each job
	instances               int // that run at once
	cpu                     time.Duration
	size                    int64 // of the file, in bytes
}

var (
	thorough = effort{starts: 20, machineStarts: 5, repeats: 7, machineRepeats: 3, instances: 10, cpu: time.Second, size: 64 << 20}
	quick    = effort{starts: 3, machineStarts: 1, repeats: 1, machineRepeats: 1, instances: 3, cpu: 200 * time.Millisecond, size: 4 << 20}
)

// idleTime is the longest that something which waits to be looked at waits, should nobody end it.
const idleTime = 2 * time.Minute

// A measurement is under way.
type measurement struct {
	effort
	workshop
	result
	progress func(string)
}

// A named place is where a job runs, and how the result calls it.
type named struct {
	place
	name string
}

// start starts the job again and again.
func (m *measurement) start(ctx context.Context, p named, n int) error {
	m.progress(fmt.Sprintf("starting %s, %d times", inWords[p.name], n))
	var samples []float64
	for range n {
		_, took, err := ask[any](ctx, p, patience, "hello")
		if err != nil {
			return err
		}
		samples = append(samples, took.Seconds())
	}
	m.Rows[rowStart].set(p.name, samples...)
	return nil
}

// speed has the job compute and use the disk in each of the places in turn, so that what else the machine does meets them all.
func (m *measurement) speed(ctx context.Context, n int, places ...named) error {
	samples := map[string]map[int][]float64{}
	for range n {
		for _, p := range places {
			m.progress("computing, writing and reading in " + inWords[p.name])
			cpu, _, err := ask[struct{ Rate float64 }](ctx, p, patience, "cpu", m.cpu.String())
			if err != nil {
				return err
			}
			disk, _, err := ask[struct{ Write, Read float64 }](ctx, p, patience, "disk", p.file(), strconv.FormatInt(m.size, 10))
			if err != nil {
				return err
			}
			if samples[p.name] == nil {
				samples[p.name] = map[int][]float64{}
			}
			for row, value := range map[int]float64{rowCPU: cpu.Rate, rowWrite: disk.Write, rowRead: disk.Read} {
				samples[p.name][row] = append(samples[p.name][row], value)
			}
		}
	}
	for name, rows := range samples {
		for row, values := range rows {
			m.Rows[row].set(name, values...)
		}
	}
	return nil
}

// hold keeps so many of them running while f looks at them.
func (m *measurement) hold(ctx context.Context, p place, n int, f func([]*running) error) (err error) {
	var all []*running
	defer func() {
		for _, r := range all {
			err = errors.Join(err, r.end())
		}
	}()
	for range n {
		r, err := begin(ctx, p, idleTime+patience, "idle", idleTime.String())
		if err != nil {
			return err
		}
		all = append(all, r)
	}
	for _, r := range all {
		if _, err := r.answer(new(any)); err != nil {
			return r.explain(err)
		}
	}
	return f(all)
}

// sizes measures what several that do nothing take: memory, and for containers disk.
func (m *measurement) sizes(ctx context.Context, p named, n int) error {
	m.progress(fmt.Sprintf("looking at %s that does nothing, %d at once", inWords[p.name], n))
	return m.hold(ctx, p, n, func(all []*running) error {
		var total int64
		for _, r := range all {
			n, err := memoryOf(r.cmd.Process.Pid)
			if err != nil {
				return err
			}
			total += n
		}
		m.Rows[rowMemory].set(p.name, float64(total)/float64(n))
		if p.name != inContainer {
			return nil
		}
		disk, err := allocated(m.root)
		m.Rows[rowDisk].set(p.name, float64(disk))
		return err
	})
}

// memoryOf is what a process and its children take, in bytes.
func memoryOf(pid int) (int64, error) {
	total, err := proportional(pid)
	if err != nil {
		return 0, err
	}
	below, err := children(pid)
	if err != nil {
		return 0, err
	}
	for _, child := range below {
		n, err := proportional(child)
		if err != nil {
			return 0, err
		}
		total += n + kernelMemory(child)
	}
	return total, nil
}

// copies is what so many virtual machines' disks take. They are removed again.
func (m *measurement) copies(disk string) (err error) {
	m.progress("copying the virtual machine's disk")
	dir := filepath.Join(m.dir, "copies")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for i := range m.instances {
		if err := copySparse(disk, filepath.Join(dir, strconv.Itoa(i))); err != nil {
			return err
		}
	}
	n, err := allocated(dir)
	m.Rows[rowDisk].set(inMachine, float64(n))
	return err
}

// estimate divides the memory that there is by the memory of one.
func (m *measurement) estimate() {
	memory, fit := m.Rows[rowMemory], &m.Rows[rowFit]
	for place, one := range map[string]float64{inContainer: memory.Container, inMachine: memory.VM} {
		if one > 0 {
			fit.set(place, float64(int64(float64(m.Machine.Available)/one)))
		}
	}
}
