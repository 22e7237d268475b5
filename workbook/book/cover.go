package book

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// checkCover looks whether a step's chapter shows every line that is new in the step, and in the order of the files.
func (b *Book) checkCover(p *page, quotes []quote, wrong *problems) {
	step := b.step(p.path)
	if step == "" {
		return
	}
	now, err := b.goFiles(step)
	if err != nil {
		wrong.add(0, "%v", err)
		return
	}
	before := make(map[string][]string)
	if earlier := b.stepBefore(step); earlier != "" {
		if before, err = b.goFiles(earlier); err != nil {
			wrong.add(0, "%v", err)
			return
		}
	}
	for _, name := range slices.Sorted(maps.Keys(now)) {
		c := cover{file: path.Join(step, name), lines: now[name], fresh: added(before[name], now[name])}
		for i, line := range c.lines {
			c.fresh[i] = c.fresh[i] && strings.TrimSpace(line) != ""
		}
		c.check(quotes, wrong)
	}
}

// cover is one file of a step, and which of its lines are new and have to be shown.
type cover struct {
	file  string
	lines []string
	fresh []bool
}

func (c *cover) check(quotes []quote, wrong *problems) {
	shown := make([]bool, len(c.lines))
	var latest quote // the one with the furthest line until now
	reached := -1
	for _, q := range quotes {
		if q.file != c.file {
			continue
		}
		first := -1 // the first line that this quote is the first to show
		furthest := reached
		for i := q.first - 1; i < q.last; i++ {
			if c.fresh[i] && !shown[i] {
				shown[i] = true
				furthest = max(furthest, i)
				if first < 0 {
					first = i
				}
			}
		}
		if first >= 0 && first < reached {
			wrong.add(q.marker.line, "quote %s comes after quote %s (line %d), but in %s it comes before",
				q.words, latest.words, latest.marker.line, c.file)
		}
		if furthest > reached {
			reached, latest = furthest, q
		}
	}
	c.report(shown, wrong)
}

// report names the new lines that aren't shown, those together that have none but empty lines between them.
func (c *cover) report(shown []bool, wrong *problems) {
	for i := 0; i < len(c.lines); i++ {
		if !c.fresh[i] || shown[i] {
			continue
		}
		first, last := i, i
		for i+1 < len(c.lines) && (c.fresh[i+1] && !shown[i+1] || strings.TrimSpace(c.lines[i+1]) == "") {
			i++
			if c.fresh[i] {
				last = i
			}
		}
		where, verb := fmt.Sprintf("%s:%d-%d", c.file, first+1, last+1), "are"
		if first == last {
			where, verb = fmt.Sprintf("%s:%d", c.file, first+1), "is"
		}
		wrong.add(0, "%s %s not shown: %s", where, verb, strings.TrimSpace(c.lines[first]))
	}
}

// goFiles reads a step's Go files without its tests, as lines.
func (b *Book) goFiles(step string) (map[string][]string, error) {
	paths, err := fs.Glob(b.files, step+"/*.go")
	if err != nil {
		return nil, err
	}
	files := make(map[string][]string)
	for _, name := range paths {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := fs.ReadFile(b.files, name)
		if err != nil {
			return nil, err
		}
		files[path.Base(name)] = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	}
	return files, nil
}

// stepBefore is the directory of the step that comes before another, or empty for the first.
func (b *Book) stepBefore(step string) string {
	steps, _ := fs.Glob(b.files, "steps/[0-9][0-9]-*") // an error would be one of the pattern; they come in order
	if i := slices.Index(steps, step); i > 0 {
		return steps[i-1]
	}
	return ""
}

// added tells which lines of the second text aren't in its longest common subsequence with the first.
func added(before, now []string) []bool {
	// common[i][j] is the length of that of before[i:] and now[j:].
	common := make([][]int, len(before)+1)
	for i := range common {
		common[i] = make([]int, len(now)+1)
	}
	for i := len(before) - 1; i >= 0; i-- {
		for j := len(now) - 1; j >= 0; j-- {
			if before[i] == now[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	fresh := make([]bool, len(now))
	for i, j := 0, 0; j < len(now); {
		switch {
		case i < len(before) && before[i] == now[j]:
			i, j = i+1, j+1
		case i < len(before) && common[i+1][j] >= common[i][j+1]:
			i++
		default:
			fresh[j] = true
			j++
		}
	}
	return fresh
}
