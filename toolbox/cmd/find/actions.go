package find

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"stave/toolbox/filemode"
	"stave/toolbox/launch"
)

// action reads a term that does something.
func (p *parser) action(name string) (test, bool, error) {
	f := p.finder
	switch name {
	case "-print":
		f.acts = true
		return f.show("\n"), true, nil
	case "-print0":
		f.acts = true
		return f.show("\x00"), true, nil
	case "-ls":
		f.acts = true
		return f.list, true, nil
	case "-exec":
		f.acts = true
		t, err := p.exec()
		return t, true, err
	case "-delete":
		f.acts, f.childrenFirst = true, true
		return f.remove, true, nil
	case "-prune":
		return func(this *file) (bool, error) {
			this.prune = true
			return true, nil
		}, true, nil
	case "-quit":
		f.acts = true
		return func(*file) (bool, error) { return true, errQuit }, true, nil
	}
	return nil, false, nil
}

func (f *finder) show(end string) test {
	return func(this *file) (bool, error) {
		f.out.WriteString(this.path + end)
		return true, nil
	}
}

func (f *finder) list(this *file) (bool, error) {
	stat := &this.stat
	fmt.Fprintf(f.out, "%9d %6d %s %3d %-8s %-8s %8d %s %s\n", stat.Ino, stat.Blocks/2, filemode.String(stat.Mode),
		stat.Nlink, f.names.User(stat.Uid), f.names.Group(stat.Gid), stat.Size,
		time.Unix(stat.Mtim.Unix()).Format("Jan _2 15:04 2006"), this.path)
	return true, nil
}

func (f *finder) remove(this *file) (bool, error) {
	if this.path == "." {
		return true, nil
	}
	if err := os.Remove(this.path); err != nil {
		f.status = f.line.Fail(err)
		return false, nil
	}
	return true, nil
}

// A batch is the command of an -exec that ends with +, and the files it is still to be run with.
type batch struct {
	command []string
	paths   []string
	length  int
}

// room for paths in one command; see xargs.
const room = 32 << 10

func (p *parser) exec() (test, error) {
	end := slices.IndexFunc(p.words, func(word string) bool { return word == ";" || word == "+" })
	if end <= 0 {
		return nil, fmt.Errorf("-exec needs a command with a ; or + after it, which the shell must not take: \\;")
	}
	command, many := p.words[:end], p.words[end] == "+"
	p.words = p.words[end+1:]
	f := p.finder
	if !many {
		return func(this *file) (bool, error) {
			args := make([]string, len(command))
			for i, word := range command {
				args[i] = strings.ReplaceAll(word, "{}", this.path)
			}
			return f.run(args), nil
		}, nil
	}
	if command[len(command)-1] != "{}" {
		return nil, fmt.Errorf("-exec … +: the last argument must be {}")
	}
	b := &batch{command: command[:len(command)-1]}
	f.batches = append(f.batches, b)
	return func(this *file) (bool, error) {
		if b.length+len(this.path) > room {
			b.run(f)
		}
		b.paths = append(b.paths, this.path)
		b.length += len(this.path) + 1
		return true, nil
	}, nil
}

func (b *batch) run(f *finder) {
	if len(b.paths) > 0 && !f.run(append(slices.Clone(b.command), b.paths...)) {
		f.status = 1
	}
	b.paths, b.length = nil, 0
}

// run runs a command and reports whether it succeeded.
func (f *finder) run(args []string) bool {
	f.out.Flush() // what was found before comes first
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	if cmd.ProcessState == nil {
		f.status = launch.Refused(f.line, args[0], err)
	}
	return err == nil
}
