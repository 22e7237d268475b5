package main

import (
	"stave/toolbox/cmd/attempt"
	"stave/toolbox/cmd/basename"
	"stave/toolbox/cmd/burn"
	"stave/toolbox/cmd/cat"
	"stave/toolbox/cmd/chmod"
	"stave/toolbox/cmd/chown"
	"stave/toolbox/cmd/chroot"
	"stave/toolbox/cmd/clear"
	"stave/toolbox/cmd/cp"
	"stave/toolbox/cmd/cut"
	"stave/toolbox/cmd/date"
	"stave/toolbox/cmd/dd"
	"stave/toolbox/cmd/df"
	"stave/toolbox/cmd/dmesg"
	"stave/toolbox/cmd/du"
	"stave/toolbox/cmd/env"
	"stave/toolbox/cmd/find"
	"stave/toolbox/cmd/free"
	"stave/toolbox/cmd/grep"
	"stave/toolbox/cmd/head"
	"stave/toolbox/cmd/hog"
	"stave/toolbox/cmd/hostname"
	"stave/toolbox/cmd/id"
	"stave/toolbox/cmd/ip"
	"stave/toolbox/cmd/kill"
	"stave/toolbox/cmd/ln"
	"stave/toolbox/cmd/ls"
	"stave/toolbox/cmd/mkdir"
	"stave/toolbox/cmd/mknod"
	"stave/toolbox/cmd/mount"
	"stave/toolbox/cmd/mv"
	"stave/toolbox/cmd/nc"
	"stave/toolbox/cmd/nproc"
	"stave/toolbox/cmd/ping"
	"stave/toolbox/cmd/ps"
	"stave/toolbox/cmd/readlink"
	"stave/toolbox/cmd/rm"
	"stave/toolbox/cmd/rmdir"
	"stave/toolbox/cmd/seq"
	"stave/toolbox/cmd/sha256sum"
	"stave/toolbox/cmd/sleep"
	"stave/toolbox/cmd/sort"
	"stave/toolbox/cmd/spawn"
	"stave/toolbox/cmd/stat"
	"stave/toolbox/cmd/stty"
	"stave/toolbox/cmd/tail"
	"stave/toolbox/cmd/tar"
	"stave/toolbox/cmd/tee"
	"stave/toolbox/cmd/timeout"
	"stave/toolbox/cmd/touch"
	"stave/toolbox/cmd/tr"
	"stave/toolbox/cmd/umount"
	"stave/toolbox/cmd/uname"
	"stave/toolbox/cmd/uniq"
	"stave/toolbox/cmd/unshare"
	"stave/toolbox/cmd/wc"
	"stave/toolbox/cmd/wget"
	"stave/toolbox/cmd/which"
	"stave/toolbox/cmd/xargs"
	"stave/toolbox/cmd/yes"
	"stave/toolbox/sh"
)

// commands by name. The list in stave/toolbox/rootfs must have the same names; a test sees to it.
var commands = map[string]func(args []string) int{
	"attempt":   attempt.Main,
	"basename":  basename.Main,
	"burn":      burn.Main,
	"cat":       cat.Main,
	"chmod":     chmod.Main,
	"chown":     chown.Main,
	"chroot":    chroot.Main,
	"clear":     clear.Main,
	"cp":        cp.Main,
	"cut":       cut.Main,
	"date":      date.Main,
	"dd":        dd.Main,
	"df":        df.Main,
	"dirname":   basename.Dirname,
	"dmesg":     dmesg.Main,
	"du":        du.Main,
	"egrep":     grep.Main,
	"env":       env.Main,
	"false":     fail,
	"fgrep":     grep.Main,
	"find":      find.Main,
	"free":      free.Main,
	"grep":      grep.Main,
	"head":      head.Main,
	"hog":       hog.Main,
	"hostname":  hostname.Main,
	"id":        id.Main,
	"ip":        ip.Main,
	"kill":      kill.Main,
	"ln":        ln.Main,
	"ls":        ls.Main,
	"mkdir":     mkdir.Main,
	"mkfifo":    mknod.Fifo,
	"mknod":     mknod.Main,
	"mount":     mount.Main,
	"mv":        mv.Main,
	"nc":        nc.Main,
	"nproc":     nproc.Main,
	"ping":      ping.Main,
	"printenv":  env.Print,
	"ps":        ps.Main,
	"readlink":  readlink.Main,
	"realpath":  readlink.Main,
	"reset":     clear.Reset,
	"rm":        rm.Main,
	"rmdir":     rmdir.Main,
	"seq":       seq.Main,
	"sh":        sh.Main,
	"sha256sum": sha256sum.Main,
	"sleep":     sleep.Main,
	"sort":      sort.Main,
	"spawn":     spawn.Main,
	"stat":      stat.Main,
	"stty":      stty.Main,
	"tail":      tail.Main,
	"tar":       tar.Main,
	"tee":       tee.Main,
	"timeout":   timeout.Main,
	"touch":     touch.Main,
	"tr":        tr.Main,
	"[":         sh.Builtin("["),
	"echo":      sh.Builtin("echo"),
	"printf":    sh.Builtin("printf"),
	"pwd":       sh.Builtin("pwd"),
	"test":      sh.Builtin("test"),
	"true":      succeed,
	"tty":       stty.Name,
	"umount":    umount.Main,
	"uname":     uname.Main,
	"uniq":      uniq.Main,
	"unshare":   unshare.Main,
	"wc":        wc.Main,
	"wget":      wget.Main,
	"which":     which.Main,
	"whoami":    id.Whoami,
	"yes":       yes.Main,
	"xargs":     xargs.Main,
}

func succeed([]string) int { return 0 }
func fail([]string) int    { return 1 }
