package sort

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// An order is how lines are compared: by each key in turn.
type order struct {
	all       kind // holds for the whole line, and for keys that don't say
	keys      []key
	separator string
}

type kind struct {
	blanks, fold, human, numeric, reverse bool
}

// A key is a range of fields, counted from 1; to is 0 for the end of the line.
type key struct {
	from, to int
	kind     kind
}

// add reads one -k: FROM[LETTERS][,TO[LETTERS]].
func (o *order) add(text string) error {
	k := key{kind: o.all}
	from, to, both := strings.Cut(text, ",")
	var err error
	if k.from, err = k.field(from); err == nil && both {
		k.to, err = k.field(to)
	}
	if err != nil {
		return fmt.Errorf("%q is not a key such as 2 or 2,3n", text)
	}
	o.keys = append(o.keys, k)
	return nil
}

func (k *key) field(text string) (int, error) {
	digits := strings.TrimRight(text, "bfhnr")
	for _, letter := range text[len(digits):] {
		switch letter {
		case 'b':
			k.kind.blanks = true
		case 'f':
			k.kind.fold = true
		case 'h':
			k.kind.human = true
		case 'n':
			k.kind.numeric = true
		case 'r':
			k.kind.reverse = true
		}
	}
	n, err := strconv.Atoi(digits)
	if err == nil && n < 1 {
		err = strconv.ErrRange
	}
	return n, err
}

// compareFully settles what the keys leave equal by the lines themselves, as sort(1) does.
func (o *order) compareFully(a, b string) int {
	if c := o.compare(a, b); c != 0 {
		return c
	}
	if o.all.reverse {
		return strings.Compare(b, a)
	}
	return strings.Compare(a, b)
}

func (o *order) compare(a, b string) int {
	if len(o.keys) == 0 {
		return o.all.compare(a, b)
	}
	for _, k := range o.keys {
		if c := k.kind.compare(o.cut(a, k), o.cut(b, k)); c != 0 {
			return c
		}
	}
	return 0
}

// cut returns the fields of a line that a key means.
func (o *order) cut(text string, k key) string {
	var fields []string
	glue := o.separator
	if glue != "" {
		fields = strings.Split(text, glue)
	} else {
		fields, glue = strings.Fields(text), " "
	}
	to := len(fields)
	if k.to > 0 {
		to = min(to, k.to)
	}
	if k.from > to {
		return ""
	}
	return strings.Join(fields[k.from-1:to], glue)
}

func (k kind) compare(a, b string) int {
	c := 0
	switch {
	case k.numeric, k.human:
		c = cmp.Compare(k.number(a), k.number(b))
	default:
		if k.blanks {
			a, b = strings.TrimLeft(a, " \t"), strings.TrimLeft(b, " \t")
		}
		if k.fold {
			a, b = strings.ToUpper(a), strings.ToUpper(b)
		}
		c = strings.Compare(a, b)
	}
	if k.reverse {
		return -c
	}
	return c
}

// number reads what a line starts with; a line without a number is 0.
func (k kind) number(text string) float64 {
	text = strings.TrimLeft(text, " \t")
	end := strings.IndexFunc(text, func(r rune) bool { return !strings.ContainsRune("0123456789.-", r) })
	if end < 0 {
		end = len(text)
	}
	n, err := strconv.ParseFloat(text[:end], 64)
	if err != nil {
		return 0
	}
	if k.human && end < len(text) {
		for power := strings.IndexByte("KMGTPE", text[end]&^0x20); power >= 0; power-- {
			n *= 1024
		}
	}
	return n
}
