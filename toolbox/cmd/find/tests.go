package find

import (
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"stave/toolbox/account"
)

// types -type knows; see inode(7).
var types = map[string]uint32{
	"f": unix.S_IFREG, "d": unix.S_IFDIR, "l": unix.S_IFLNK, "b": unix.S_IFBLK, "c": unix.S_IFCHR, "p": unix.S_IFIFO,
	"s": unix.S_IFSOCK,
}

// simple reads a test that only looks.
func (p *parser) simple(name string) (test, error) {
	switch name {
	case "-true":
		return always, nil
	case "-false":
		return func(*file) (bool, error) { return false, nil }, nil
	case "-empty":
		return func(f *file) (bool, error) { return empty(f), nil }, nil
	}
	known := map[string]func(string) (func(*file) bool, error){
		"-name":  func(pattern string) (func(*file) bool, error) { return glob(pattern, (*file).name) },
		"-iname": foldedName,
		"-path": func(pattern string) (func(*file) bool, error) {
			return wildcard(pattern), nil
		},
		"-type":  ofType,
		"-size":  ofSize,
		"-mtime": func(text string) (func(*file) bool, error) { return age(text, 24*time.Hour) },
		"-mmin":  func(text string) (func(*file) bool, error) { return age(text, time.Minute) },
		"-newer": newer,
		"-user":  ofUser,
		"-group": ofGroup,
		"-perm":  permission,
		"-links": func(text string) (func(*file) bool, error) {
			return counted(text, func(f *file) int64 { return int64(f.stat.Nlink) })
		},
		"-inum": func(text string) (func(*file) bool, error) {
			return counted(text, func(f *file) int64 { return int64(f.stat.Ino) })
		},
	}
	make, ok := known[name]
	if !ok {
		return nil, fmt.Errorf("%q is not a test it knows", name)
	}
	argument, err := p.argument(name)
	if err != nil {
		return nil, err
	}
	matches, err := make(argument)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", name, argument, err)
	}
	return func(f *file) (bool, error) { return matches(f), nil }, nil
}

func glob(pattern string, of func(*file) string) (func(*file) bool, error) {
	pattern = strings.ReplaceAll(pattern, "[!", "[^")
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, err
	}
	return func(f *file) bool {
		matches, _ := path.Match(pattern, of(f)) // the pattern has been tried
		return matches
	}, nil
}

func foldedName(pattern string) (func(*file) bool, error) {
	return glob(strings.ToLower(pattern), func(f *file) string { return strings.ToLower(f.name()) })
}

// wildcard matches a whole path, where * goes across slashes.
func wildcard(pattern string) func(*file) bool {
	parts := strings.Split(pattern, "/")
	return func(f *file) bool {
		return matchAcross(strings.Join(parts, "\x01"), strings.ReplaceAll(f.path, "/", "\x01"))
	}
}

// matchAcross takes the special place of slashes away by writing them as another character.
func matchAcross(pattern, name string) bool {
	matches, err := path.Match(strings.ReplaceAll(pattern, "[!", "[^"), name)
	return err == nil && matches
}

func ofType(list string) (func(*file) bool, error) {
	wanted := map[uint32]bool{}
	for letter := range strings.SplitSeq(list, ",") {
		kind, ok := types[letter]
		if !ok {
			return nil, fmt.Errorf("the types are f d l b c p s")
		}
		wanted[kind] = true
	}
	return func(f *file) bool { return wanted[f.stat.Mode&unix.S_IFMT] }, nil
}

func ofSize(text string) (func(*file) bool, error) {
	matches, unit, err := number(text, "ckMGb")
	if err != nil {
		return nil, err
	}
	bytes := map[byte]int64{0: 512, 'b': 512, 'c': 1, 'k': 1 << 10, 'M': 1 << 20, 'G': 1 << 30}[unit]
	return func(f *file) bool { return matches((f.stat.Size + bytes - 1) / bytes) }, nil
}

func age(text string, unit time.Duration) (func(*file) bool, error) {
	matches, _, err := number(text, "")
	if err != nil {
		return nil, err
	}
	now := time.Now()
	return func(f *file) bool { return matches(int64(now.Sub(time.Unix(f.stat.Mtim.Unix())) / unit)) }, nil
}

func newer(name string) (func(*file) bool, error) {
	var stat unix.Stat_t
	if err := unix.Stat(name, &stat); err != nil {
		return nil, err
	}
	return func(f *file) bool { return f.stat.Mtim.Nano() > stat.Mtim.Nano() }, nil
}

func ofUser(name string) (func(*file) bool, error) {
	uid, err := account.UserID(name)
	return func(f *file) bool { return f.stat.Uid == uint32(uid) }, err
}

func ofGroup(name string) (func(*file) bool, error) {
	gid, err := account.GroupID(name)
	return func(f *file) bool { return f.stat.Gid == uint32(gid) }, err
}

// permission is octal: exactly these bits, with - all of them, with / any of them.
func permission(text string) (func(*file) bool, error) {
	bits, err := strconv.ParseUint(strings.TrimLeft(text, "-/"), 8, 32)
	if err != nil || bits > 0o7777 {
		return nil, fmt.Errorf("an octal mode is needed")
	}
	wanted := uint32(bits)
	switch text[0] {
	case '-':
		return func(f *file) bool { return f.stat.Mode&wanted == wanted }, nil
	case '/':
		return func(f *file) bool { return f.stat.Mode&wanted != 0 }, nil
	}
	return func(f *file) bool { return f.stat.Mode&0o7777 == wanted }, nil
}

func counted(text string, value func(*file) int64) (func(*file) bool, error) {
	matches, _, err := number(text, "")
	if err != nil {
		return nil, err
	}
	return func(f *file) bool { return matches(value(f)) }, nil
}

func empty(f *file) bool {
	switch f.stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return f.stat.Size == 0
	case unix.S_IFDIR:
		entries, err := os.ReadDir(f.path)
		return err == nil && len(entries) == 0
	}
	return false
}
