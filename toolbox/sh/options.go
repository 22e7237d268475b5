package sh

import (
	"fmt"
	"io"
)

// options are those of set.
type options struct {
	allExport, noClobber, errExit, noGlob, monitor, noExec, noUnset, xTrace, pipeFail bool
}

// option is one of them, by letter (0 for none) and by name.
type option struct {
	letter rune
	name   string
	value  *bool
}

func (o *options) all() []option {
	return []option{
		{'a', "allexport", &o.allExport},
		{'e', "errexit", &o.errExit},
		{'m', "monitor", &o.monitor},
		{'C', "noclobber", &o.noClobber},
		{'n', "noexec", &o.noExec},
		{'f', "noglob", &o.noGlob},
		{'u', "nounset", &o.noUnset},
		{0, "pipefail", &o.pipeFail},
		{'x', "xtrace", &o.xTrace},
	}
}

func (o *options) set(letter rune, on bool) bool {
	for _, option := range o.all() {
		if option.letter == letter && letter != 0 {
			*option.value = on
			return true
		}
	}
	return false
}

func (o *options) setByName(name string, on bool) bool {
	for _, option := range o.all() {
		if option.name == name {
			*option.value = on
			return true
		}
	}
	return false
}

// letters is the value of $-.
func (o *options) letters() string {
	letters := ""
	for _, option := range o.all() {
		if *option.value && option.letter != 0 {
			letters += string(option.letter)
		}
	}
	return letters
}

func (o *options) print(out io.Writer) {
	for _, option := range o.all() {
		state := "off"
		if *option.value {
			state = "on"
		}
		fmt.Fprintf(out, "%-12s %s\n", option.name, state)
	}
}
