// Package chown changes who files belong to.
//
// Synopsis:
//
//	chown [-hR] [USER][:[GROUP]] FILE…
//
// USER and GROUP are names or numbers. With a colon and no group, it is the user's own.
//
// Options:
//
//	-h  symbolic links themselves, not what they point to
//	-R  directories with what is in them, not following links
package chown

import (
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"stave/toolbox/account"
	"stave/toolbox/cmdline"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("chown [-hR] [USER][:[GROUP]] FILE…")
	links := line.BoolP("no-dereference", "h", false, "symbolic links themselves, not what they point to")
	recurse := line.BoolP("recursive", "R", false, "directories with what is in them, not following links")
	if status, ok := line.Read(args); !ok {
		return status
	}
	if line.NArg() < 2 {
		return line.Misuse("an owner and a file are needed")
	}
	uid, gid, err := owner(line.Arg(0))
	if err != nil {
		return line.Fail(err)
	}
	status := cmdline.Success
	for _, name := range line.Args()[1:] {
		if err := change(name, uid, gid, *links, *recurse); err != nil {
			status = line.Fail(err)
		}
	}
	return status
}

// owner reads USER:GROUP; what isn't given is -1, which chown(2) leaves as it is.
func owner(text string) (uid, gid int, err error) {
	uid, gid = -1, -1
	name, group, colon := strings.Cut(text, ":")
	if name != "" {
		if uid, err = account.UserID(name); err != nil {
			return 0, 0, err
		}
	}
	if group != "" {
		if gid, err = account.GroupID(group); err != nil {
			return 0, 0, err
		}
	} else if colon && name != "" {
		u, err := user.LookupId(strconv.Itoa(uid))
		if err != nil {
			return 0, 0, err
		}
		if gid, err = strconv.Atoi(u.Gid); err != nil {
			return 0, 0, err
		}
	}
	return uid, gid, nil
}

func change(name string, uid, gid int, links, recurse bool) error {
	if !recurse {
		if links {
			return os.Lchown(name, uid, gid)
		}
		return os.Chown(name, uid, gid)
	}
	return filepath.WalkDir(name, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, gid)
	})
}
