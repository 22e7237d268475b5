package cgroup

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
)

// annotation is what the names of annotations begin with that are properties for systemd, as for runc.
const annotation = "org.systemd.property."

func (r *request) annotations(all map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(all)) {
		name, ok := strings.CutPrefix(key, annotation)
		if !ok {
			continue
		}
		value, err := parseVariant(all[key])
		if err != nil {
			return fmt.Errorf("annotation %s: %w", key, err)
		}
		r.set(name, value)
	}
	return nil
}

// simple is what parseVariant takes. The library is less strict: it overlooks what follows a value, and some of what is no value keeps it
// busy for ever (a digit that isn't ASCII) or makes it panic (@b []).
const simple = `(?s)^\s*('([^'\\]|\\.)*'|"([^"\\]|\\.)*"|true|false|((u?int(16|32|64)|byte|@[nqiuxty])\s+)?(-?[0-9]+|0x[1-9a-fA-F][0-9a-fA-F]*))\s*$`

// parseVariant reads a value in the text form of GVariant (its specification's "Text Format"): a string, true or false, or a number after its
// type, "uint64 5" or "@t 5", without which it is an int32. What scopes have is one of these.
func parseVariant(text string) (any, error) {
	if !regexp.MustCompile(simple).MatchString(text) {
		return nil, fmt.Errorf("%q is none of 'word', true, 5 and uint64 5", text)
	}
	v, err := dbus.ParseVariant(text, dbus.Signature{})
	return v.Value(), err
}
