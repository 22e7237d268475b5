package book

import (
	"io/fs"
	"regexp"
	"strings"
)

// checkMessages holds headings that are an error message against the program that prints it. The comment below one says
// where the message comes from, as it stands there:
//
//	### `pivoting to …: invalid argument`
//	<!-- in steps/03-mount/mount.go "pivoting to" -->
func (b *Book) checkMessages(p *page, wrong *problems) {
	for _, part := range p.parts {
		about, words := part.directive()
		if !part.isComment || about != "in" {
			continue
		}
		args, err := arguments(words)
		if err != nil || len(args) != 2 {
			wrong.add(part.line, `this comment should say where a message is from: <!-- in FILE "TEXT" -->`)
			continue
		}
		file, message := args[0].value, args[1].value
		source, err := fs.ReadFile(b.files, file)
		if err != nil {
			wrong.add(part.line, "the message is said to be from %s, which isn't there", file)
			continue
		}
		if !strings.Contains(strings.ReplaceAll(string(source), `\"`, `"`), message) {
			wrong.add(part.line, "%s has no message %q any more", file, message)
		}
		if heading := p.above(part.start); !said(message).MatchString(heading) {
			wrong.add(part.line, "the heading %q doesn't say what the message %q of %s says", heading, message, file)
		}
	}
}

// above is the line before an offset.
func (p *page) above(offset int) string {
	start := p.lineStart(offset)
	if start == 0 {
		return ""
	}
	return strings.TrimSpace(string(p.source[p.lineStart(start-1):start]))
}

var verb = regexp.MustCompile(`%[a-z]`)

// said matches what a message of package fmt becomes when it is printed.
func said(message string) *regexp.Regexp {
	parts := verb.Split(message, -1)
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile(strings.Join(parts, ".+"))
}
