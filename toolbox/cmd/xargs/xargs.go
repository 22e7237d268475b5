// Package xargs runs a command with its input's words as arguments.
//
// Synopsis:
//
//	xargs [-0rt] [-n N] [-P N] [-I TEXT] [-d CHARACTER] [COMMAND [ARG…]]
//
// Without a command it is echo. The exit status is 123 if any command failed.
//
// Options:
//
//	-0            words end with a zero byte, as find -print0 writes them
//	-d CHARACTER  words end with this
//	-I TEXT       once for each line, which takes the place of TEXT in the arguments
//	-n N          at most N words at a time
//	-P N          N commands at the same time
//	-r            not at all if there are no words
//	-t            say each command
package xargs

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"

	"stave/toolbox/cmdline"
	"stave/toolbox/launch"
)

const (
	someFailed = 123
	// room for arguments in one command: a quarter of the least the kernel gives; see ARG_MAX in sysconf(3).
	room = 32 << 10
)

type runner struct {
	line    *cmdline.Line
	command []string
	say     bool

	slots  chan struct{} // one taken for each command under way
	all    sync.WaitGroup
	mutex  sync.Mutex
	status int
}

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("xargs [-0rt] [-n N] [-P N] [-I TEXT] [-d CHARACTER] [COMMAND [ARG…]]").OperandsFirst()
	zero := line.BoolP("null", "0", false, "words end with a zero byte, as find -print0 writes them")
	delimiter := line.StringP("delimiter", "d", "", "words end with this `CHARACTER`")
	replace := line.StringP("replace", "I", "", "once for each line, which takes the place of `TEXT`")
	most := line.IntP("max-args", "n", 0, "at most `N` words at a time")
	parallel := line.IntP("max-procs", "P", 1, "`N` commands at the same time")
	notEmpty := line.BoolP("no-run-if-empty", "r", false, "not at all if there are no words")
	say := line.BoolP("verbose", "t", false, "say each command")
	if status, ok := line.Read(args); !ok {
		return status
	}
	if *parallel < 1 || *most < 0 {
		return line.Misuse("N starts at 1")
	}
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		return line.Fail(err)
	}
	var words []string
	switch {
	case *zero:
		words = parted(string(input), "\x00")
	case *delimiter != "":
		words = parted(string(input), strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\0`, "\x00").Replace(*delimiter))
	case *replace != "":
		words = parted(string(input), "\n")
	default:
		if words, err = split(string(input)); err != nil {
			return line.Fail(err)
		}
	}
	r := &runner{line: line, command: line.Args(), say: *say, slots: make(chan struct{}, *parallel)}
	if len(r.command) == 0 {
		r.command = []string{"echo"}
	}
	switch {
	case *replace != "":
		r.replace(words, *replace)
	case len(words) > 0 || !*notEmpty:
		r.batches(words, *most)
	}
	r.all.Wait()
	return r.status
}

// replace runs the command once for each word.
func (r *runner) replace(words []string, text string) {
	for _, word := range words {
		var args []string
		for _, arg := range r.command {
			args = append(args, strings.ReplaceAll(arg, text, strings.TrimLeft(word, " \t")))
		}
		r.run(args)
	}
}

// batches runs the command with as many words at a time as are allowed and fit.
func (r *runner) batches(words []string, most int) {
	for {
		args := append([]string{}, r.command...)
		n, length := 0, 0
		for n < len(words) && (most == 0 || n < most) && (n == 0 || length+len(words[n]) < room) {
			length += len(words[n]) + 1
			args = append(args, words[n])
			n++
		}
		r.run(args)
		if words = words[n:]; len(words) == 0 {
			return
		}
	}
}

func (r *runner) run(args []string) {
	r.slots <- struct{}{}
	if r.say {
		fmt.Fprintln(os.Stderr, strings.Join(args, " "))
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	r.all.Go(func() {
		defer func() { <-r.slots }()
		err := cmd.Run()
		r.mutex.Lock()
		defer r.mutex.Unlock()
		if cmd.ProcessState == nil {
			r.status = launch.Refused(r.line, args[0], err)
		} else if err != nil && r.status == 0 {
			r.status = someFailed
		}
	})
}

// parted cuts text after each end; what follows the last is a word too, unless it is empty.
func parted(text, end string) []string {
	words := strings.Split(text, end)
	if words[len(words)-1] == "" {
		words = words[:len(words)-1]
	}
	return words
}

// split finds words between blanks. Quotes and backslashes keep blanks in a word.
func split(text string) ([]string, error) {
	var words []string
	var word strings.Builder
	started := false
	quote := rune(0)
	escaped := false
	for _, r := range text {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, started = r, true
		case r == '\\':
			escaped, started = true, true
		case r == ' ' || r == '\t' || r == '\n':
			if started {
				words = append(words, word.String())
			}
			word.Reset()
			started = false
		default:
			word.WriteRune(r)
			started = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a %c is never closed: -0 or -d takes words as they are", quote)
	}
	if started {
		words = append(words, word.String())
	}
	return words, nil
}
