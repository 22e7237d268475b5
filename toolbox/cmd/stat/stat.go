// Package stat shows what the kernel knows about files; see stat(2) and inode(7).
//
// Synopsis:
//
//	stat [-L] [-c FORMAT] FILE…
//	stat -f FILE…
//
// Options:
//
//	-c FORMAT  as this says: %n name, %F type, %s bytes, %b blocks, %i inode, %h links, %a %A mode, %u %U owner, %g %G
//	           group, %d device, %t %T a device file's numbers in hexadecimal, %N where a link points, %y %Y written,
//	           %x %X read, %z %Z changed
//	-f         the file system it is on; see statfs(2)
//	-L         what symbolic links point to
package stat

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"stave/toolbox/account"
	"stave/toolbox/cmdline"
	"stave/toolbox/filemode"
)

const usual = `  File: %N
  Size: %s	Blocks: %b	Type: %F
Device: %d	Inode: %i	Links: %h
Access: (%a/%A)  Uid: (%u/%U)  Gid: (%g/%G)
Access: %x
Modify: %y
Change: %z`

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("stat [-fL] [-c FORMAT] FILE…")
	format := line.StringP("format", "c", usual, "as `FORMAT` says, such as \"%a %n\"")
	system := line.BoolP("file-system", "f", false, "the file system it is on")
	follow := line.BoolP("dereference", "L", false, "what symbolic links point to")
	if status, ok := line.Read(args); !ok {
		return status
	}
	if line.NArg() == 0 {
		return line.Misuse("which file?")
	}
	status := cmdline.Success
	for _, name := range line.Args() {
		show := func(name string) error { return file(name, *format, *follow) }
		if *system {
			show = fileSystem
		}
		if err := show(name); err != nil {
			status = line.Fail(&os.PathError{Op: "stat", Path: name, Err: err})
		}
	}
	return status
}

func file(name, format string, follow bool) error {
	look := unix.Lstat
	if follow {
		look = unix.Stat
	}
	var stat unix.Stat_t
	if err := look(name, &stat); err != nil {
		return err
	}
	var text strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			text.WriteByte(format[i])
			continue
		}
		i++
		text.WriteString(directive(format[i], name, &stat))
	}
	fmt.Println(text.String())
	return nil
}

// directive writes what one letter of a format stands for.
func directive(letter byte, name string, stat *unix.Stat_t) string {
	var names account.Names
	values := map[byte]any{
		'n': name, 's': stat.Size, 'b': stat.Blocks, 'i': stat.Ino, 'h': stat.Nlink, 'A': filemode.String(stat.Mode),
		'u': stat.Uid, 'g': stat.Gid, 'd': stat.Dev, 'F': kind(stat), 'B': 512, 'o': stat.Blksize,
		'X': stat.Atim.Sec, 'Y': stat.Mtim.Sec, 'Z': stat.Ctim.Sec,
	}
	if value, ok := values[letter]; ok {
		return fmt.Sprint(value)
	}
	switch letter {
	case 'a':
		return fmt.Sprintf("%o", stat.Mode&0o7777)
	case 'f':
		return fmt.Sprintf("%x", stat.Mode)
	case 't':
		return fmt.Sprintf("%x", unix.Major(uint64(stat.Rdev)))
	case 'T':
		return fmt.Sprintf("%x", unix.Minor(uint64(stat.Rdev)))
	case 'U':
		return names.User(stat.Uid)
	case 'G':
		return names.Group(stat.Gid)
	case 'N':
		if target, err := os.Readlink(name); err == nil {
			return name + " -> " + target
		}
		return name
	case 'x':
		return clock(stat.Atim)
	case 'y':
		return clock(stat.Mtim)
	case 'z':
		return clock(stat.Ctim)
	case '%':
		return "%"
	}
	return "%" + string(letter)
}

func kind(stat *unix.Stat_t) string {
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return "directory"
	case unix.S_IFLNK:
		return "symbolic link"
	case unix.S_IFCHR:
		return "character special file"
	case unix.S_IFBLK:
		return "block special file"
	case unix.S_IFIFO:
		return "fifo"
	case unix.S_IFSOCK:
		return "socket"
	}
	if stat.Size == 0 {
		return "regular empty file"
	}
	return "regular file"
}

func clock(t unix.Timespec) string {
	return time.Unix(t.Unix()).Format("2006-01-02 15:04:05.000000000 -0700")
}

// systems are the magic numbers of file systems met in containers; see statfs(2).
var systems = map[int64]string{
	unix.EXT4_SUPER_MAGIC: "ext2/ext3", unix.TMPFS_MAGIC: "tmpfs", unix.PROC_SUPER_MAGIC: "proc", unix.SYSFS_MAGIC: "sysfs",
	unix.OVERLAYFS_SUPER_MAGIC: "overlayfs", unix.CGROUP_SUPER_MAGIC: "cgroupfs", unix.CGROUP2_SUPER_MAGIC: "cgroup2fs",
	unix.BTRFS_SUPER_MAGIC: "btrfs", unix.XFS_SUPER_MAGIC: "xfs", unix.DEVPTS_SUPER_MAGIC: "devpts", unix.NSFS_MAGIC: "nsfs",
}

func fileSystem(name string) error {
	var stat unix.Statfs_t
	if err := unix.Statfs(name, &stat); err != nil {
		return err
	}
	kind := systems[int64(stat.Type)]
	if kind == "" {
		kind = fmt.Sprintf("%#x", stat.Type)
	}
	fmt.Printf("  File: %s\nType: %s\nBlock size: %d\nBlocks: total %d, free %d, available %d\nInodes: total %d, free %d\n",
		name, kind, stat.Bsize, stat.Blocks, stat.Bfree, stat.Bavail, stat.Files, stat.Ffree)
	return nil
}
