package sh

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// defaultPath is where commands are looked for if the environment doesn't say: in a container it may not.
const defaultPath = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"

// environment returns the variables a shell starts with.
func environment() map[string]expand.Variable {
	vars := map[string]expand.Variable{}
	for _, text := range os.Environ() {
		name, value, ok := strings.Cut(text, "=")
		if ok && syntax.ValidName(name) {
			vars[name] = expand.Variable{Set: true, Exported: true, Kind: expand.String, Str: value}
		}
	}
	for name, value := range map[string]string{
		"IFS": " \t\n", "OPTIND": "1", "PS2": "> ", "PS4": "+ ", "PPID": strconv.Itoa(os.Getppid()),
	} {
		vars[name] = expand.Variable{Set: true, Kind: expand.String, Str: value}
	}
	if !vars["PATH"].Set {
		vars["PATH"] = expand.Variable{Set: true, Kind: expand.String, Str: defaultPath}
	}
	if dir, err := os.Getwd(); err == nil { // it trusts PWD only where that is right
		vars["PWD"] = expand.Variable{Set: true, Exported: vars["PWD"].Exported, Kind: expand.String, Str: dir}
	}
	return vars
}

// variables is the shell as mvdan.cc/sh/v3/expand sees it.
type variables struct{ *shell }

// Get returns a variable or a special parameter.
func (v variables) Get(name string) expand.Variable {
	text := func(value string) expand.Variable {
		return expand.Variable{Set: true, Kind: expand.String, Str: value}
	}
	switch name {
	case "@", "*":
		return expand.Variable{Set: true, Kind: expand.Indexed, List: append([]string{}, v.params...)}
	case "#":
		return text(strconv.Itoa(len(v.params)))
	case "?":
		return text(strconv.Itoa(v.status))
	case "-":
		return text(v.letters())
	case "$":
		return text(strconv.Itoa(v.pid))
	case "!":
		if v.last == 0 {
			return expand.Variable{}
		}
		return text(strconv.Itoa(v.last))
	case "0":
		return text(v.name)
	case "RANDOM":
		return text(strconv.Itoa(rand.IntN(1 << 15)))
	}
	if n, err := strconv.Atoi(name); err == nil {
		if n < 1 || n > len(v.params) {
			return expand.Variable{}
		}
		return text(v.params[n-1])
	}
	return v.vars[name]
}

// Set changes a variable, for ${x:=y} and $((x = 1)).
func (v variables) Set(name string, value expand.Variable) error {
	if !value.Set {
		return v.unset(name)
	}
	return v.assign(name, value.String())
}

// Each calls do with every variable.
func (v variables) Each(do func(string, expand.Variable) bool) {
	for name, value := range v.vars {
		if !do(name, value) {
			return
		}
	}
}

func (s *shell) letters() string {
	letters := s.options.letters()
	if s.interactive {
		letters += "i"
	}
	return letters
}

// text returns a variable's value, empty if it has none.
func (s *shell) text(name string) string { return s.vars[name].Str }

var errReadOnly = errors.New("is read only")

// assign gives a variable a value.
func (s *shell) assign(name, value string) error {
	v := s.vars[name]
	if v.ReadOnly {
		return fmt.Errorf("%s %w", name, errReadOnly)
	}
	v.Set, v.Kind, v.Str = true, expand.String, value
	v.Exported = v.Exported || s.options.allExport
	s.vars[name] = v
	if name == "OPTIND" {
		s.optionsLetter = 0
	}
	return nil
}

func (s *shell) unset(name string) error {
	if s.vars[name].ReadOnly {
		return fmt.Errorf("%s %w", name, errReadOnly)
	}
	delete(s.vars, name)
	return nil
}

// hide makes a variable local to the function under way: its value comes back when that ends.
func (s *shell) hide(name string) {
	hidden := s.frames[len(s.frames)-1].hidden
	if _, already := hidden[name]; !already {
		hidden[name] = s.vars[name]
	}
}

// enter and leaveFunction surround the body of a function.
func (s *shell) enter() {
	s.frames = append(s.frames, frame{hidden: map[string]expand.Variable{}, loops: s.loops})
	s.loops = 0
}

func (s *shell) leaveFunction() {
	last := s.frames[len(s.frames)-1]
	s.frames = s.frames[:len(s.frames)-1]
	s.loops = last.loops
	s.put(last.hidden)
}

// put sets variables as they were, those that weren't there to nothing.
func (s *shell) put(vars map[string]expand.Variable) {
	for name, v := range vars {
		if v.Declared() {
			s.vars[name] = v
		} else {
			delete(s.vars, name)
		}
	}
}

// exported returns the environment for a command.
func (s *shell) exported() []string {
	var list []string
	for name, v := range s.vars {
		if v.Exported && v.Set {
			list = append(list, name+"="+v.Str)
		}
	}
	slices.Sort(list)
	return list
}

// printVariables shows those that are wanted, so that the shell could read them again.
func (s *shell) printVariables(prefix string, wanted func(expand.Variable) bool) {
	for _, name := range slices.Sorted(maps.Keys(s.vars)) {
		v := s.vars[name]
		if !wanted(v) {
			continue
		}
		if !v.Set {
			fmt.Fprintf(s.file(1), "%s%s\n", prefix, name)
			continue
		}
		fmt.Fprintf(s.file(1), "%s%s=%s\n", prefix, name, quote(v.Str))
	}
}

// quote writes text so that the shell reads it as one word.
func quote(text string) string {
	quoted, err := syntax.Quote(text, syntax.LangBash)
	if err != nil { // a zero byte, which no variable can have
		return text
	}
	return quoted
}
