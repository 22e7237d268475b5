package book

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"strings"

	"stave/internal/script"
)

// perform runs one transcript on a stage and adds what is wrong. It returns the lines each command printed, as far as they
// got.
func (s *stage) perform(ctx context.Context, t transcript, wrong *problems) [][]string {
	var outputs [][]string
	for _, c := range t.commands {
		actual, err := s.run(ctx, c.typed, t.asUser, t.apart)
		if err != nil {
			wrong.add(c.line, "%v", err)
			return outputs
		}
		outputs = append(outputs, actual)
		if d := compare(c.output, actual, t.vary); d != nil {
			wrong.add(c.firstOutput()+d.line, "%s: %s", brief(c.typed), d.text)
		}
	}
	return outputs
}

// firstOutput is the line on which a command's output begins.
func (c *command) firstOutput() int { return c.line + 1 + strings.Count(c.typed, "\n") }

// lacking is the condition that keeps a transcript from being run here, or empty.
func (t *transcript) lacking() string {
	needs := t.needs
	if root, err := script.Holds("root"); err == nil && root == t.asUser {
		needs = append([]string{"userns"}, needs...)
	}
	if !hasGo() {
		needs = append([]string{"source"}, needs...)
	}
	for _, condition := range needs {
		if holds, err := script.Holds(condition); err == nil && !holds {
			return condition
		}
	}
	return ""
}

// Record runs the transcripts of a page and puts in what really came out where the page shows something else.
func (b *Book) Record(ctx context.Context, name string) (changed bool, wrong []Problem, err error) {
	p, err := b.readPage(name)
	if err != nil {
		return false, nil, err
	}
	w := &problems{page: name}
	transcripts := p.transcripts(w)
	s, err := b.newStage()
	if err != nil {
		return false, nil, err
	}
	var out bytes.Buffer
	done := 0
	for _, t := range transcripts {
		if t.lacking() != "" {
			continue
		}
		before := len(w.list)
		outputs := s.perform(ctx, t, w)
		complete := len(outputs) == len(t.commands)
		if complete {
			w.list = w.list[:before] // differences are about to be repaired
		}
		for i, actual := range outputs {
			c := t.commands[i]
			if compare(c.output, actual, t.vary) == nil {
				continue
			}
			if looksTyped(actual) {
				w.add(c.line, "the output of %s has lines that look as if they were typed, so it can't be shown: %q", brief(c.typed), actual)
				continue
			}
			out.Write(p.source[done:c.start])
			for _, line := range actual {
				fmt.Fprintln(&out, line)
			}
			done = c.end
		}
	}
	out.Write(p.source[done:])
	left, closing := s.close()
	for _, words := range left {
		w.add(0, "%s", words)
	}
	if err := cmp.Or(closing, context.Cause(ctx)); err != nil {
		return false, w.list, err
	}
	changed, err = b.replace(p, out.Bytes())
	return changed, w.list, err
}

func looksTyped(lines []string) bool {
	for i, line := range lines {
		if strings.HasPrefix(line, prompt) || i == 0 && strings.HasPrefix(line+" ", continued) || strings.HasPrefix(line, "```") {
			return true
		}
	}
	return false
}

// checkTranscripts runs the transcripts of a page. It returns those that can't be run here, with what is lacking.
func (b *Book) checkTranscripts(ctx context.Context, p *page, transcripts []transcript, wrong *problems) (skipped []string, err error) {
	if len(transcripts) == 0 {
		return nil, nil
	}
	s, err := b.newStage()
	if err != nil {
		return nil, err
	}
	for _, t := range transcripts {
		if condition := t.lacking(); condition != "" {
			skipped = append(skipped, fmt.Sprintf("%s:%d: not run: %s", p.path, t.block.line, script.Reason(condition)))
			continue
		}
		s.perform(ctx, t, wrong)
	}
	left, err := s.close()
	for _, words := range left {
		wrong.add(0, "%s", words)
	}
	return skipped, err
}
