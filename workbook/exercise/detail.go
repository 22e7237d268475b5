package exercise

import (
	"fmt"
	"regexp"
	"strings"
)

// complaints of testscript and of internal/script's commands, and how to say them to a learner. In words, $1 and so on
// are what the pattern has found; where that is the name of a stream or a file, see place.
var complaints = []struct {
	pattern *regexp.Regexp
	words   func(m []string) string
}{
	{regexp.MustCompile(`^unexpected command success$`), func([]string) string {
		return "It should have failed, but it succeeded."
	}},
	{regexp.MustCompile(`^exit code is (\d+), not (\d+)$`), func(m []string) string {
		return fmt.Sprintf("Its exit code should be %s, and is %s.", m[2], m[1])
	}},
	{regexp.MustCompile("^no match for [`\"](.*)[`\"] found in (.*)$"), func(m []string) string {
		return fmt.Sprintf("Nothing in %s matches the pattern %s", place(m[2]), m[1])
	}},
	{regexp.MustCompile("^unexpected match for [`\"](.*)[`\"] found in (\\S+): (.*)$"), func(m []string) string {
		return fmt.Sprintf("%q should not be in %s: it matches the pattern %s", m[3], place(m[2]), m[1])
	}},
	{regexp.MustCompile("^have (\\d+) matches for [`\"](.*)[`\"], want (\\d+)$"), func(m []string) string {
		return fmt.Sprintf("The pattern %s should match %s times in it, and does %s times.", m[2], m[3], m[1])
	}},
	{regexp.MustCompile(`^(\S+) and (\S+) differ$`), func(m []string) string {
		return fmt.Sprintf("%s and %s should be the same, and differ.", upper(place(m[1])), place(m[2]))
	}},
	{regexp.MustCompile(`^(\S+) and (\S+) do not differ$`), func(m []string) string {
		return fmt.Sprintf("%s and %s should differ, and are the same.", upper(place(m[1])), place(m[2]))
	}},
	{regexp.MustCompile(`^(.*) does not exist$`), func(m []string) string {
		return fmt.Sprintf("%s should exist, and doesn't.", m[1])
	}},
	{regexp.MustCompile(`^(?:file|directory) (.*) unexpectedly exists$`), func(m []string) string {
		return fmt.Sprintf("%s should not exist, and does.", m[1])
	}},
	{regexp.MustCompile(`still fails after (\S+): (.*)$`), func(m []string) string {
		return fmt.Sprintf("It was tried again and again for %s and should have succeeded, but it never did (%s).", m[1], m[2])
	}},
}

// detail says what testscript complains of. The section is the log of the command that it complains of.
func detail(complaint, section string) string {
	if complaint == "unexpected command failure" {
		return failure(section)
	}
	for _, c := range complaints {
		if m := c.pattern.FindStringSubmatch(complaint); m != nil {
			return c.words(m)
		}
	}
	return upper(complaint) + "."
}

// failure says how a command ended that should have succeeded.
func failure(section string) string {
	m := status.FindAllStringSubmatch(section, -1)
	if len(m) == 0 {
		return "It should have succeeded, but it failed."
	}
	how := m[len(m)-1][1]
	if code, ok := strings.CutPrefix(how, "exit status "); ok {
		return fmt.Sprintf("It should have succeeded, but its exit code is %s.", code)
	}
	if signal, ok := strings.CutPrefix(how, "signal: "); ok {
		return fmt.Sprintf("It should have succeeded, but a signal has ended it (%s).", signal)
	}
	return fmt.Sprintf("It could not be run: %s.", how)
}

// place names what a pattern is looked for in.
func place(name string) string {
	switch name {
	case "stdout":
		return "what it printed"
	case "stderr":
		return "its error messages"
	case "ttyout":
		return "what the terminal showed"
	}
	return "the file " + name
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
