package sh

import (
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// declaration is what export, readonly, local and declare say of variables.
type declaration struct {
	export, unexport, readOnly, local, print, functions bool
}

func anySet(v expand.Variable) bool { return v.Set }

// declare runs export, readonly, local, declare and typeset, whose arguments are parsed as assignments.
func (s *shell) declare(cmd *syntax.DeclClause) error {
	d := declaration{}
	s.status, s.substituted = success, success
	switch cmd.Variant.Value {
	case "export":
		d.export = true
	case "readonly":
		d.readOnly = true
	case "nameref":
		return s.missing("nameref")
	default:
		d.local = len(s.frames) > 0
		if cmd.Variant.Value == "local" && !d.local {
			s.errorf("local: only in a function")
			s.status = failure
			return nil
		}
	}
	named := false
	for _, arg := range cmd.Args {
		if arg.Array != nil || arg.Index != nil {
			return s.missing("arrays")
		}
		done, err := s.declareArgument(&d, arg)
		if err != nil {
			return err
		}
		named = named || done
	}
	if !named || d.print {
		s.showDeclared(cmd.Variant.Value, d)
	}
	return nil
}

// declareArgument handles one argument, and reports whether it named something rather than being an option.
func (s *shell) declareArgument(d *declaration, arg *syntax.Assign) (bool, error) {
	if arg.Name != nil {
		if arg.Naked {
			return true, s.declareOne(*d, arg.Name.Value, nil)
		}
		value, err := s.literal(arg.Value)
		if err != nil {
			return true, err
		}
		if arg.Append {
			value = s.text(arg.Name.Value) + value
		}
		return true, s.declareOne(*d, arg.Name.Value, &value)
	}
	words, err := s.fields(arg.Value)
	if err != nil {
		return false, err
	}
	named := false
	for _, word := range words {
		if strings.HasPrefix(word, "-") && !named {
			if err := d.option(s, word); err != nil {
				return false, err
			}
			continue
		}
		named = true
		name, value, assigned := strings.Cut(word, "=")
		pointer := &value
		if !assigned {
			pointer = nil
		}
		if err := s.declareOne(*d, name, pointer); err != nil {
			return named, err
		}
	}
	return named, nil
}

func (d *declaration) option(s *shell, word string) error {
	for _, letter := range word[1:] {
		switch letter {
		case 'f':
			d.functions = true
		case 'n':
			d.unexport = true
		case 'p':
			d.print = true
		case 'r':
			d.readOnly = true
		case 'x':
			d.export = true
		case 'g':
			d.local = false
		case '-':
		default:
			return s.missing("declare -" + string(letter))
		}
	}
	return nil
}

func (s *shell) declareOne(d declaration, name string, value *string) error {
	if !syntax.ValidName(name) {
		s.errorf("%s: not a name for a variable", name)
		s.status = failure
		return nil
	}
	if d.print || d.functions {
		return nil
	}
	if d.local {
		s.hide(name)
		if value == nil && !d.export && !d.readOnly {
			delete(s.vars, name)
			return nil
		}
	}
	if value != nil {
		if err := s.assign(name, *value); err != nil {
			return s.expanded(err)
		}
		s.status = s.substituted
	}
	v := s.vars[name]
	v.Exported = (v.Exported || d.export) && !d.unexport
	v.ReadOnly = v.ReadOnly || d.readOnly
	s.vars[name] = v
	return nil
}

func (s *shell) showDeclared(word string, d declaration) {
	switch word {
	case "export":
		s.printVariables("export ", func(v expand.Variable) bool { return v.Exported })
	case "readonly":
		s.printVariables("readonly ", func(v expand.Variable) bool { return v.ReadOnly })
	default:
		if d.functions {
			for name, body := range s.funcs {
				s.printf("%s() %s\n", name, text(body))
			}
			return
		}
		s.printVariables("", anySet)
	}
}
