package work

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const progressFile = "progress.json"

// Progress is what the learner has done.
type Progress struct {
	Last      string            `json:"last,omitempty"` // the exercise that was worked on last, "01.2"
	Read      []string          `json:"read,omitempty"` // the chapters that were read in the terminal, "01"
	Exercises map[string]*State `json:"exercises,omitempty"`
}

// State is how far an exercise is. A time is zero for what hasn't happened.
type State struct {
	Passed  time.Time `json:"passed,omitzero"`   // when its check first passed
	GivenUp time.Time `json:"given_up,omitzero"` // when the solution was first shown before that
	Hints   int       `json:"hints,omitempty"`   // so many hints were shown
}

// Of returns the state of an exercise, which is zero before the first try.
func (p *Progress) Of(id string) State {
	if s := p.Exercises[id]; s != nil {
		return *s
	}
	return State{}
}

// At returns the state of an exercise for changing it.
func (p *Progress) At(id string) *State {
	if p.Exercises == nil {
		p.Exercises = make(map[string]*State)
	}
	if p.Exercises[id] == nil {
		p.Exercises[id] = new(State)
	}
	return p.Exercises[id]
}

// Passed reports whether an exercise has ever passed its check.
func (p *Progress) Passed(id string) bool { return !p.Of(id).Passed.IsZero() }

// MarkRead remembers that a chapter was read.
func (p *Progress) MarkRead(chapter string) {
	if !slices.Contains(p.Read, chapter) {
		p.Read = append(p.Read, chapter)
		slices.Sort(p.Read)
	}
}

// Progress reads what the learner has done. A file that can't be understood is renamed, and the learner told.
func (f *Folder) Progress() (*Progress, error) {
	name := path.Join(top, progressFile)
	text, err := f.root.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return new(Progress), nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading your progress: %w", err)
	}
	p := new(Progress)
	damage := decode(text, p)
	if damage == nil {
		return p, nil
	}
	aside, err := f.aside(name, "damaged")
	if err != nil {
		return nil, err
	}
	if err := f.root.Rename(name, aside); err != nil {
		return nil, fmt.Errorf("%s is damaged (%w), and can't be moved aside: %w", name, damage, f.explain(err))
	}
	fmt.Fprintf(f.warn, "%s is damaged (%v). It is now called %s, and a new one is begun.\n"+
		"Your copies of the exercises are as they were: check one that has passed, and it counts again.\n\n", name, damage, aside)
	return new(Progress), nil
}

func decode(text []byte, p *Progress) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(p); err != nil {
		return err
	}
	if d.More() {
		return errors.New("there is more than there should be")
	}
	for id, state := range p.Exercises {
		if state == nil {
			return fmt.Errorf("exercise %s has no state", id)
		}
	}
	return nil
}

// Change changes what is remembered. Other commands that do the same at the same time wait their turn.
func (f *Folder) Change(change func(*Progress)) error {
	if err := f.make(); err != nil {
		return err
	}
	unlock, err := f.lock()
	if err != nil {
		return err
	}
	defer unlock()
	p, err := f.Progress()
	if err != nil {
		return err
	}
	change(p)
	text, err := json.MarshalIndent(p, "", "\t")
	if err != nil {
		return err
	}
	partial := path.Join(top, "."+progressFile+".partial")
	if err := f.root.Remove(partial); err != nil && !errors.Is(err, fs.ErrNotExist) { // of one that was killed
		return f.explain(err)
	}
	if err := f.write(partial, append(text, '\n')); err != nil {
		return f.explain(err)
	}
	return f.explain(f.root.Rename(partial, path.Join(top, progressFile)))
}

// lock waits for its turn; flock(2). The folder itself is locked, which needs no file more.
func (f *Folder) lock() (unlock func(), err error) {
	dir, err := f.root.OpenFile(top, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, f.explain(err)
	}
	for {
		if err = unix.Flock(int(dir.Fd()), unix.LOCK_EX); err != unix.EINTR {
			break
		}
	}
	if err != nil {
		dir.Close()
		return nil, fmt.Errorf("locking %s: %w", top, err)
	}
	return func() { dir.Close() }, nil
}
