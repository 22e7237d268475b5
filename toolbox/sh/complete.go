package sh

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// completer finishes words when Tab is pressed.
type completer struct {
	shell *shell
	show  func(string)
}

// complete is called for every key that has no meaning of its own; see term.Terminal.
func (c completer) complete(line string, pos int, key rune) (string, int, bool) {
	if key != '\t' {
		return "", 0, false
	}
	start := strings.LastIndexAny(line[:pos], " \t;|&<>(") + 1
	word := line[start:pos]
	before := strings.TrimRight(line[:start], " \t")
	isCommand := before == "" || strings.ContainsRune(";|&(", rune(before[len(before)-1]))
	var found []string
	if isCommand && !strings.Contains(word, "/") {
		found = c.commands(word)
	} else {
		found = files(word)
	}
	if len(found) == 0 {
		return line, pos, true
	}
	common := found[0]
	for _, f := range found {
		for !strings.HasPrefix(f, common) {
			common = common[:len(common)-1]
		}
	}
	if len(found) == 1 && !strings.HasSuffix(common, "/") {
		common += " "
	}
	if common == word { // no further without knowing more
		c.show(strings.Join(found, "  ") + "\n")
	}
	return line[:start] + common + line[pos:], start + len(common), true
}

// commands returns the commands whose names start with a word.
func (c completer) commands(word string) []string {
	names := slices.Concat(slices.Collect(maps.Keys(c.shell.funcs)), slices.Collect(maps.Keys(c.shell.aliases)),
		slices.Collect(maps.Keys(c.shell.builtins)))
	for _, dir := range filepath.SplitList(c.shell.text("PATH")) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, word) })
	slices.Sort(names)
	return slices.Compact(names)
}

// files returns the files whose names start with a word, directories with a slash at the end.
func files(word string) []string {
	dir, name := filepath.Split(word)
	where := dir
	if where == "" {
		where = "."
	}
	if rest, ok := strings.CutPrefix(where, "~/"); ok {
		where = filepath.Join(os.Getenv("HOME"), rest)
	}
	entries, err := os.ReadDir(where)
	if err != nil {
		return nil
	}
	var found []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), name) || name == "" && strings.HasPrefix(e.Name(), ".") {
			continue
		}
		end := ""
		if info, err := os.Stat(filepath.Join(where, e.Name())); err == nil && info.IsDir() {
			end = "/"
		}
		found = append(found, dir+e.Name()+end)
	}
	return found
}
