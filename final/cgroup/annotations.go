package cgroup

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
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

// parseVariant reads a value in the text form of GVariant (its specification's "Text Format"): a string, true or false, or a number after its
// type, "uint64 5" or "@t 5", without which it is an int32. What scopes have is one of these.
func parseVariant(text string) (any, error) {
	text = strings.TrimSpace(text)
	if word, ok := unquote(text); ok {
		return word, nil
	}
	if text == "true" || text == "false" {
		return text == "true", nil
	}
	kind, number, typed := strings.Cut(text, " ")
	if !typed {
		kind, number = "int32", text
	}
	number = strings.TrimSpace(number)
	var n any
	var err error
	switch kind {
	case "int32", "@i":
		n, err = parse(number, 32, strconv.ParseInt, func(n int64) any { return int32(n) })
	case "int64", "@x":
		n, err = parse(number, 64, strconv.ParseInt, func(n int64) any { return n })
	case "uint32", "@u":
		n, err = parse(number, 32, strconv.ParseUint, func(n uint64) any { return uint32(n) })
	case "uint64", "@t":
		n, err = parse(number, 64, strconv.ParseUint, func(n uint64) any { return n })
	}
	if n == nil || err != nil {
		return nil, fmt.Errorf("%q is none of 'word', true, 5 and uint64 5", text)
	}
	return n, nil
}

func parse[T any](text string, bits int, number func(string, int, int) (T, error), value func(T) any) (any, error) {
	n, err := number(text, 0, bits)
	return value(n), err
}

// unquote is what is between single or double quotation marks. A backslash takes the meaning from the character after it.
func unquote(text string) (string, bool) {
	if len(text) < 2 || text[0] != '\'' && text[0] != '"' {
		return "", false
	}
	var word []byte
	for i := 1; i < len(text); i++ {
		if text[i] == text[0] {
			return string(word), i == len(text)-1
		}
		if text[i] == '\\' {
			if i++; i == len(text) {
				break
			}
		}
		word = append(word, text[i])
	}
	return "", false
}
