package exercise

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"stave/internal/script"
)

// read makes a Result of what became of a script that had so much time.
func read(text string, o script.Outcome, patience time.Duration) Result {
	switch {
	case o.Skipped != nil && !o.Failed:
		return Result{Skipped: o.Skipped.Reason, Lacks: o.Skipped.Condition}
	case !o.Failed:
		return Result{Passed: true}
	case o.Line == 0 && o.TimedOut:
		return Result{What: "The check comes to an end.", Detail: killedAfter(patience), TimedOut: true}
	case o.Line == 0:
		return Result{
			What:   "Afterwards the machine is as it was before: nothing runs on, nothing stays mounted.",
			Output: strings.Join(o.Left, "\n"),
			Detail: "The check itself has found nothing wrong, but this was left behind.",
		}
	}
	body, _, _ := strings.Cut("\n"+text, "\n-- ")
	lines := strings.Split(body, "\n") // lines[1] is the first line of the script
	s := scriptLog{lines: lines, log: o.Log, failed: o.Line, variables: o.Variables}
	r := Result{What: s.what()}
	if ran, told := s.command(); ran > 0 {
		r.Command = s.typed(ran)
		r.Output = s.printed(told)
	}
	r.Detail = detail(o.Complaint, s.section(o.Line))
	if r.TimedOut = o.TimedOut; r.TimedOut {
		r.Detail = killedAfter(patience)
	}
	return r
}

func killedAfter(patience time.Duration) string {
	return fmt.Sprintf("It was not done after %v and has been killed.", patience)
}

// scriptLog is a script's text and testscript's log of it, in full.
type scriptLog struct {
	lines     []string // the first is number 1
	log       string
	failed    int // number of the line that failed
	variables map[string]string
}

// what is the comment above the line that failed.
func (s scriptLog) what() string {
	isComment := func(n int) bool { return n > 0 && strings.HasPrefix(s.lines[n], "#") }
	end := s.failed
	for end > 0 && !isComment(end) {
		end--
	}
	start := end
	for isComment(start - 1) {
		start--
	}
	var words []string
	for n := max(start, 1); n <= end; n++ {
		words = append(words, strings.TrimSpace(strings.TrimLeft(s.lines[n], "#")))
	}
	return strings.Join(words, " ")
}

// prefix is what may stand before a command: conditions and a negation.
var prefix = regexp.MustCompile(`^\s*(\[[^]]*\]\s*)*(!\s+)?`)

// words splits a line of the script without its prefix.
func (s scriptLog) words(n int) []string {
	return strings.Fields(prefix.ReplaceAllString(s.lines[n], ""))
}

// command finds the line that ran what the failed line is about: itself, or the last one before it that ran something; for
// a wait, the one that put that into the background. What was printed is told in the log of the line told. 0 is for none.
func (s scriptLog) command() (ran, told int) {
	for n := s.failed; n > 0; n-- {
		words := s.words(n)
		if len(words) == 0 || !strings.Contains(s.log, "\n> "+s.logged(n)+"\n") {
			continue
		}
		switch words[0] {
		case "wait":
			if len(words) > 1 {
				return s.background(words[1], n), n
			}
		case "exec", "step", "as-root", "as-user", "exits", "eventually":
			if n == s.failed || !strings.HasSuffix(s.lines[n], "&") {
				return n, n
			}
		}
	}
	return 0, 0
}

func (s scriptLog) background(name string, before int) int {
	for n := before; n > 0; n-- {
		if strings.HasSuffix(s.lines[n], "&"+name+"&") {
			return n
		}
	}
	return 0
}

// logged is a line as testscript has it in the log; script.Check puts exec before our programs.
func (s scriptLog) logged(n int) string {
	words := s.words(n)
	if len(words) > 0 && slices.Contains([]string{"step", "as-root", "as-user"}, words[0]) {
		start := prefix.FindString(s.lines[n])
		return start + "exec " + s.lines[n][len(start):]
	}
	return s.lines[n]
}

var (
	launcher   = regexp.MustCompile(`^(exec|exits\s+\S+|eventually\s+\S+)\s+`)
	background = regexp.MustCompile(`\s*&(\w+&)?$`)
	asRoot     = regexp.MustCompile(`\bas-root\s+`) // script.AsRoot does the same
	asUser     = regexp.MustCompile(`\bas-user\s+`) // and script.AsUser
)

// typed is the command as one would type it, with the check's variables filled in.
func (s scriptLog) typed(n int) string {
	line := prefix.ReplaceAllString(s.lines[n], "")
	line = launcher.ReplaceAllString(line, "")
	line = background.ReplaceAllString(line, " &")
	root := os.Geteuid() == 0
	line = asRoot.ReplaceAllString(line, map[bool]string{true: "", false: "unshare -Ur "}[root])
	line = asUser.ReplaceAllString(line, map[bool]string{true: "unshare -U " + strings.Join(script.AsNobodySpecial, " ") + " ", false: ""}[root])
	return os.Expand(line, func(name string) string {
		if value, ok := s.variables[strings.TrimSuffix(name, "@R")]; ok {
			return value
		}
		return "$" + name
	})
}

// section is the log of one line: what came between it and the next line that was executed, or the next comment.
func (s scriptLog) section(n int) string {
	rest, found := "\n"+s.log, false
	for i := 1; i <= s.failed; i++ {
		mark := "\n> " + s.logged(i) + "\n"
		if strings.HasPrefix(s.lines[i], "#") {
			mark = "\n" + s.lines[i] // and then how long its commands took
		}
		before, after, ok := strings.Cut(rest, mark)
		switch {
		case strings.TrimSpace(s.lines[i]) == "" || !ok:
		case found:
			return before
		default:
			rest, found = "\n"+after, i == n
		}
	}
	section, _, _ := strings.Cut(rest, "\nFAIL: ")
	return section
}

var (
	heading = regexp.MustCompile(`(?m)^(?:\[stdout\]|\[stderr\])\n`)
	status  = regexp.MustCompile(`(?m)^\[(exit status \d+|signal: [^\]]+|exec: [^\]]+|fork/exec [^\]]+)\]$`)
)

// printed is what a command has printed.
func (s scriptLog) printed(n int) string {
	section := status.ReplaceAllString(s.section(n), "")
	at := heading.FindAllStringIndex(section, -1)
	if len(at) == 0 {
		return ""
	}
	// Of a command that eventually has run many times, the last time is told: from its stdout on, or its stderr if that
	// is all.
	last := at[len(at)-1]
	text := section[last[1]:]
	if len(at) > 1 && strings.HasPrefix(section[at[len(at)-2][0]:], "[stdout]") && !strings.HasPrefix(section[last[0]:], "[stdout]") {
		text = strings.TrimRight(section[at[len(at)-2][1]:last[0]], "\n") + "\n" + text
	}
	return strings.Trim(text, "\n")
}
