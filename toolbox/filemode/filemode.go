// Package filemode writes file modes the way `ls -l` does and reads them the way chmod(1) does.
package filemode

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// String returns a st_mode as ten characters; see inode(7).
func String(mode uint32) string {
	text := []byte("?rwxrwxrwx")
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		text[0] = '-'
	case unix.S_IFDIR:
		text[0] = 'd'
	case unix.S_IFLNK:
		text[0] = 'l'
	case unix.S_IFCHR:
		text[0] = 'c'
	case unix.S_IFBLK:
		text[0] = 'b'
	case unix.S_IFIFO:
		text[0] = 'p'
	case unix.S_IFSOCK:
		text[0] = 's'
	}
	for i := range 9 {
		if mode&(1<<(8-i)) == 0 {
			text[1+i] = '-'
		}
	}
	mark := func(bit uint32, at int, with, without byte) {
		if mode&bit == 0 {
			return
		}
		if text[at] == '-' {
			text[at] = without
		} else {
			text[at] = with
		}
	}
	mark(unix.S_ISUID, 3, 's', 'S')
	mark(unix.S_ISGID, 6, 's', 'S')
	mark(unix.S_ISVTX, 9, 't', 'T')
	return string(text)
}

// Go returns the permission bits of a st_mode as fs.FileMode has them, which keeps setuid, setgid and sticky elsewhere.
func Go(mode uint32) fs.FileMode {
	m := fs.FileMode(mode & 0o777)
	if mode&unix.S_ISUID != 0 {
		m |= fs.ModeSetuid
	}
	if mode&unix.S_ISGID != 0 {
		m |= fs.ModeSetgid
	}
	if mode&unix.S_ISVTX != 0 {
		m |= fs.ModeSticky
	}
	return m
}

// Change returns what chmod(1) makes of a mode when given an expression such as 644, u+x, go-w or a=rX. mode is a
// whole st_mode; so is the result. umask is taken off where the expression doesn't say whose permission it means.
func Change(mode uint32, expression string, umask uint32) (uint32, error) {
	if n, err := strconv.ParseUint(expression, 8, 32); err == nil {
		if n > 0o7777 {
			return 0, fmt.Errorf("%q: a mode has at most four octal digits", expression)
		}
		return mode&^0o7777 | uint32(n), nil
	}
	for clause := range strings.SplitSeq(expression, ",") {
		changed, ok := change(mode, clause, umask)
		if !ok {
			return 0, fmt.Errorf("%q is not a mode such as 755 or u+x", expression)
		}
		mode = changed
	}
	return mode, nil
}

// change applies one clause of a symbolic mode: whose, an operator, which; the last two any number of times.
func change(mode uint32, clause string, umask uint32) (uint32, bool) {
	who := uint32(0)
	at := 0
	for ; at < len(clause); at++ {
		bits, ok := map[byte]uint32{'u': 0o4700, 'g': 0o2070, 'o': 0o1007, 'a': 0o7777}[clause[at]]
		if !ok {
			break
		}
		who |= bits
	}
	limit := ^uint32(0)
	if who == 0 {
		who, limit = 0o7777, ^umask
	}
	if at == len(clause) {
		return 0, false
	}
	for at < len(clause) {
		operator := clause[at]
		at++
		which := uint32(0)
		for ; at < len(clause) && !strings.ContainsRune("+-=", rune(clause[at])); at++ {
			bits, ok := permission(mode, clause[at])
			if !ok {
				return 0, false
			}
			which |= bits
		}
		which &= who & limit
		switch operator {
		case '+':
			mode |= which
		case '-':
			mode &^= which
		case '=':
			mode = mode&^(who&0o777) | which
		default:
			return 0, false
		}
	}
	return mode, true
}

// permission returns the bits one letter of a symbolic mode stands for, for everyone.
func permission(mode uint32, letter byte) (uint32, bool) {
	everyone := func(bits uint32) uint32 { return bits&7 | bits&7<<3 | bits&7<<6 }
	switch letter {
	case 'r':
		return 0o444, true
	case 'w':
		return 0o222, true
	case 'x':
		return 0o111, true
	case 'X': // only where it makes sense: on a directory, or where someone may execute it already
		if mode&unix.S_IFMT == unix.S_IFDIR || mode&0o111 != 0 {
			return 0o111, true
		}
		return 0, true
	case 's':
		return unix.S_ISUID | unix.S_ISGID, true
	case 't':
		return unix.S_ISVTX, true
	case 'u':
		return everyone(mode >> 6), true
	case 'g':
		return everyone(mode >> 3), true
	case 'o':
		return everyone(mode), true
	}
	return 0, false
}
