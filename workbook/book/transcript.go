package book

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"stave/internal/script"
)

// transcript is a block of what was typed, after "$ " (and "> " where it goes on), and what came out. A comment before it
// may tell more:
//
//	<!-- run needs="root cgroup:memory" vary="[0-9]+" as="user" -->
//
// needs names conditions of package script; where one doesn't hold the transcript is skipped. What a vary expression
// matches may be anything else that it matches. A line that is only … stands for any number of lines. With as="user" the
// session isn't root's: as root, it is that of script.AsUser. A comment that begins with vary or network and not with run
// holds for the whole page:
//
//	<!-- network="own" needs="exec:ip" vary="[0-9]+" -->
//
// Root's session is then in a network namespace in which there is nothing yet.
type transcript struct {
	block    part
	needs    []string
	vary     []*regexp.Regexp
	asUser   bool
	apart    bool // root's session has a network of its own
	commands []command
}

// command is one thing typed and what it prints.
type command struct {
	line   int // of its first line in the page
	typed  string
	output []string // lines
	start  int      // where the output begins and ends in the page's source
	end    int
}

const (
	runWord  = "run"
	varyWord = "vary"
	netWord  = "network"
	anything = "…"
	language = "console" // of the block
)

// transcripts takes all transcripts of a page apart.
func (p *page) transcripts(wrong *problems) []transcript {
	var everywhere, t transcript // t has the options for the next
	var list []transcript
	for i, part := range p.parts {
		about, words := part.directive()
		option, _, _ := strings.Cut(about, "=")
		switch {
		case option == varyWord || option == netWord:
			if err := everywhere.options(part.comment); err != nil {
				wrong.add(part.line, "%v", err)
			}
		case about == runWord:
			if block, ok := p.next(i); !ok || block.language != language {
				wrong.add(part.line, "<!-- run … --> wants a block ```console right after it")
			} else if err := t.options(words); err != nil {
				wrong.add(part.line, "%v", err)
			}
		case part.language == language:
			t.block = part
			if err := t.parse(p); err != nil {
				wrong.add(part.line, "%v", err)
			} else {
				list = append(list, t)
			}
			t = transcript{}
		}
	}
	for i := range list {
		list[i].vary = append(list[i].vary, everywhere.vary...)
		list[i].needs = append(list[i].needs, everywhere.needs...)
		list[i].apart = everywhere.apart
	}
	return list
}

// options reads what a comment says.
func (t *transcript) options(words string) error {
	args, err := arguments(words)
	if err != nil {
		return err
	}
	for _, a := range args {
		switch {
		case a.name == "needs":
			for _, condition := range strings.Fields(a.value) {
				if _, err := script.Holds(condition); err != nil {
					return err
				}
				t.needs = append(t.needs, condition)
			}
		case a.name == varyWord:
			expression, err := regexp.Compile(a.value)
			if err != nil {
				return err
			}
			t.vary = append(t.vary, expression)
		case a.name == "as" && a.value == "user":
			t.asUser = true
		case a.name == netWord && a.value == "own":
			t.apart = true
		default:
			return fmt.Errorf(`unknown option %q: there are needs="…", vary="…", as="user" and, for a page, network="own"`, a.name+a.value)
		}
	}
	return nil
}

const prompt, continued = "$ ", "> "

// parse takes the block's lines apart into commands.
func (t *transcript) parse(p *page) error {
	offset := p.lineEnd(t.block.start)
	line := t.block.line
	typing := false // the line before was typed
	for text := range strings.Lines(t.block.text) {
		start := offset
		offset += len(text)
		line++
		text = strings.TrimSuffix(text, "\n")
		if typed, ok := strings.CutPrefix(text, prompt); ok {
			t.commands = append(t.commands, command{line: line, typed: typed, start: offset, end: offset})
			typing = true
			continue
		}
		if len(t.commands) == 0 {
			return fmt.Errorf("a transcript begins with what is typed: %q has no %q before it", text, prompt)
		}
		last := &t.commands[len(t.commands)-1]
		if more, ok := strings.CutPrefix(text+" ", continued); ok && typing {
			last.typed += "\n" + strings.TrimSuffix(more, " ")
			last.start, last.end = offset, offset
			continue
		}
		typing = false
		if last.output == nil {
			last.start = start
		}
		last.output = append(last.output, strings.TrimRight(text, " \t"))
		last.end = offset
	}
	if len(t.commands) == 0 {
		return errors.New("a transcript without a command")
	}
	return nil
}
