package sh

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
	"mvdan.cc/sh/v3/syntax"
)

// testCommand is test and [, which find out what their words mean by how many there are; see test in POSIX.
func testCommand(s *shell, args []string) error {
	words := args[1:]
	if args[0] == "[" {
		if len(words) == 0 || words[len(words)-1] != "]" {
			return s.refuse("[: a ] is missing at the end")
		}
		words = words[:len(words)-1]
	}
	t := tester{shell: s, words: words}
	result, err := t.all()
	if err != nil {
		return s.refuse("%s: %v", args[0], err)
	}
	s.status = statusOf(result)
	return nil
}

type tester struct {
	shell *shell
	words []string
}

func (t *tester) all() (bool, error) {
	if len(t.words) == 0 {
		return false, nil
	}
	// A word that could be an operator is one only if there are words for it.
	switch len(t.words) {
	case 1:
		return t.words[0] != "", nil
	case 2:
		if t.words[0] == "!" {
			return t.words[1] == "", nil
		}
		return t.shell.testFile(t.words[0], t.words[1])
	case 3:
		if isBinary(t.words[1]) {
			return t.shell.compare(t.words[0], t.words[1], t.words[2])
		}
	}
	result, err := t.either()
	if err == nil && len(t.words) > 0 {
		err = fmt.Errorf("%s: unexpected here", t.words[0])
	}
	return result, err
}

func (t *tester) take(word string) bool {
	if len(t.words) == 0 || t.words[0] != word {
		return false
	}
	t.words = t.words[1:]
	return true
}

func (t *tester) either() (bool, error) {
	result, err := t.both()
	for err == nil && t.take("-o") {
		var right bool
		right, err = t.both()
		result = result || right
	}
	return result, err
}

func (t *tester) both() (bool, error) {
	result, err := t.one()
	for err == nil && t.take("-a") {
		var right bool
		right, err = t.one()
		result = result && right
	}
	return result, err
}

func (t *tester) one() (bool, error) {
	switch {
	case len(t.words) == 0:
		return false, errors.New("it ends too early")
	case len(t.words) >= 3 && isBinary(t.words[1]):
		words := t.words
		t.words = words[3:]
		return t.shell.compare(words[0], words[1], words[2])
	case t.take("!"):
		result, err := t.one()
		return !result, err
	case t.take("("):
		result, err := t.either()
		if err == nil && !t.take(")") {
			err = errors.New("a ) is missing")
		}
		return result, err
	case len(t.words) >= 2 && strings.HasPrefix(t.words[0], "-") && t.words[1] != "-a" && t.words[1] != "-o":
		words := t.words
		t.words = words[2:]
		return t.shell.testFile(words[0], words[1])
	}
	word := t.words[0]
	t.words = t.words[1:]
	return word != "", nil
}

func isBinary(operator string) bool {
	switch operator {
	case "=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef":
		return true
	}
	return false
}

// compare answers a question about two words.
func (s *shell) compare(left, operator, right string) (bool, error) {
	switch operator {
	case "=", "==":
		return left == right, nil
	case "!=":
		return left != right, nil
	case "<":
		return left < right, nil
	case ">":
		return left > right, nil
	case "-nt", "-ot", "-ef":
		return compareFiles(left, operator, right), nil
	}
	a, err := strconv.ParseInt(strings.TrimSpace(left), 10, 64)
	if err != nil {
		return false, fmt.Errorf("%q: a number is needed", left)
	}
	b, err := strconv.ParseInt(strings.TrimSpace(right), 10, 64)
	if err != nil {
		return false, fmt.Errorf("%q: a number is needed", right)
	}
	switch operator {
	case "-eq":
		return a == b, nil
	case "-ne":
		return a != b, nil
	case "-lt":
		return a < b, nil
	case "-le":
		return a <= b, nil
	case "-gt":
		return a > b, nil
	case "-ge":
		return a >= b, nil
	}
	return false, fmt.Errorf("%s: not an operator", operator)
}

func compareFiles(left, operator, right string) bool {
	var a, b unix.Stat_t
	aErr, bErr := unix.Stat(left, &a), unix.Stat(right, &b)
	switch operator {
	case "-nt":
		return aErr == nil && (bErr != nil || a.Mtim.Nano() > b.Mtim.Nano())
	case "-ot":
		return bErr == nil && (aErr != nil || a.Mtim.Nano() < b.Mtim.Nano())
	}
	return aErr == nil && bErr == nil && a.Dev == b.Dev && a.Ino == b.Ino
}

// testFile answers a question about one word, mostly about the file it names.
func (s *shell) testFile(operator, word string) (bool, error) {
	var stat unix.Stat_t
	switch operator {
	case "-n":
		return word != "", nil
	case "-z":
		return word == "", nil
	case "-t":
		fd := int(number(word))
		return term.IsTerminal(int(s.file(fd).Fd())), nil
	case "-v":
		return s.vars[word].Set, nil
	case "-o":
		for _, option := range s.options.all() {
			if option.name == word {
				return *option.value, nil
			}
		}
		return false, nil
	case "-r", "-w", "-x":
		mode := map[string]uint32{"-r": unix.R_OK, "-w": unix.W_OK, "-x": unix.X_OK}[operator]
		return unix.Faccessat(unix.AT_FDCWD, word, mode, unix.AT_EACCESS) == nil, nil
	case "-h", "-L":
		return unix.Lstat(word, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFLNK, nil
	}
	exists := unix.Stat(word, &stat) == nil
	kind := stat.Mode & unix.S_IFMT
	switch operator {
	case "-e", "-a":
		return exists, nil
	case "-f":
		return exists && kind == unix.S_IFREG, nil
	case "-d":
		return exists && kind == unix.S_IFDIR, nil
	case "-b":
		return exists && kind == unix.S_IFBLK, nil
	case "-c":
		return exists && kind == unix.S_IFCHR, nil
	case "-p":
		return exists && kind == unix.S_IFIFO, nil
	case "-S":
		return exists && kind == unix.S_IFSOCK, nil
	case "-s":
		return exists && stat.Size > 0, nil
	case "-u":
		return exists && stat.Mode&unix.S_ISUID != 0, nil
	case "-g":
		return exists && stat.Mode&unix.S_ISGID != 0, nil
	case "-k":
		return exists && stat.Mode&unix.S_ISVTX != 0, nil
	case "-O":
		return exists && int(stat.Uid) == os.Geteuid(), nil
	case "-G":
		return exists && int(stat.Gid) == os.Getegid(), nil
	}
	return false, fmt.Errorf("%s: not an operator", operator)
}

// testClause is [[ ]], which the parser has taken apart.
func (s *shell) testClause(cmd *syntax.TestClause) error {
	result, err := s.testExpr(cmd.X)
	var u unwind
	if errors.As(err, &u) {
		return u
	}
	if err != nil {
		return s.refuse("[[: %v", err)
	}
	s.status = statusOf(result)
	return nil
}

func (s *shell) testExpr(expr syntax.TestExpr) (bool, error) {
	switch expr := expr.(type) {
	case *syntax.Word:
		text, err := s.literal(expr)
		return text != "", err
	case *syntax.ParenTest:
		return s.testExpr(expr.X)
	case *syntax.UnaryTest:
		if expr.Op == syntax.TsNot {
			result, err := s.testExpr(expr.X)
			return !result, err
		}
		text, err := s.literal(expr.X.(*syntax.Word))
		if err != nil {
			return false, err
		}
		return s.testFile(expr.Op.String(), text)
	case *syntax.BinaryTest:
		return s.testBinary(expr)
	}
	return false, fmt.Errorf("%T: not in this shell", expr)
}

func (s *shell) testBinary(expr *syntax.BinaryTest) (bool, error) {
	if expr.Op == syntax.AndTest || expr.Op == syntax.OrTest {
		result, err := s.testExpr(expr.X)
		if err != nil || result == (expr.Op == syntax.OrTest) {
			return result, err
		}
		return s.testExpr(expr.Y)
	}
	left, err := s.literal(expr.X.(*syntax.Word))
	if err != nil {
		return false, err
	}
	word := expr.Y.(*syntax.Word)
	switch expr.Op {
	case syntax.TsMatch, syntax.TsMatchShort:
		return s.matches(left, word)
	case syntax.TsNoMatch:
		result, err := s.matches(left, word)
		return !result, err
	case syntax.TsReMatch:
		expression, err := s.literal(word)
		if err != nil {
			return false, err
		}
		return matchesRegexp(expression, left)
	}
	right, err := s.literal(word)
	if err != nil {
		return false, err
	}
	return s.compare(left, expr.Op.String(), right)
}
