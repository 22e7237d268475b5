package sh

import (
	"strconv"
	"strings"

	"stave/toolbox/account"
)

// optionReader is where getopts is: at a word (OPTIND, from 1) and at a letter in it (0 for none yet).
type optionReader struct {
	words  []string
	index  int
	letter int
}

const (
	unknownOption = "no such option"
	needsValue    = "a value is needed"
)

// next returns the next option's letter and value; no letter at the end. problem says what is wrong with it.
func (o *optionReader) next(letters string) (letter, value, problem string) {
	if o.index < 1 {
		o.index = 1
	}
	if o.letter == 0 {
		if o.index > len(o.words) {
			return "", "", ""
		}
		word := o.words[o.index-1]
		if word == "--" {
			o.index++
			return "", "", ""
		}
		if len(word) < 2 || word[0] != '-' {
			return "", "", ""
		}
		o.letter = 1
	}
	word := o.words[o.index-1]
	letter = word[o.letter : o.letter+1]
	o.letter++
	ended := o.letter == len(word)
	at := strings.Index(strings.TrimPrefix(letters, ":"), letter)
	rest := strings.TrimPrefix(letters, ":")
	takesValue := at >= 0 && letter != ":" && at+1 < len(rest) && rest[at+1] == ':'
	switch {
	case at < 0 || letter == ":":
		problem = unknownOption
	case takesValue && !ended:
		value = word[o.letter:]
		ended = true
	case takesValue && o.index < len(o.words):
		value = o.words[o.index]
		o.index++
	case takesValue:
		problem = needsValue
	}
	if ended {
		o.index++
		o.letter = 0
	}
	return letter, value, problem
}

func (o *optionReader) position() string { return strconv.Itoa(o.index) }

// number reads a number, 0 if it is none.
func number(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func accountName(uid int) string {
	var names account.Names
	return names.User(uint32(uid))
}
