package rootfs

// Commands are the names the toolbox binary answers to, each a link in /bin. A test in stave/toolbox/box holds this
// list and the binary's own together; it is kept here so that whoever makes a root filesystem need not link the
// commands.
func Commands() []string {
	return []string{
		"[", "attempt", "basename", "burn", "cat", "chmod", "chown", "chroot", "clear", "cp", "cut", "date", "dd",
		"df", "dirname", "dmesg", "du", "echo", "egrep", "env", "false", "fgrep", "find", "free", "grep",
		"head", "hog", "hostname", "id", "ip", "kill", "ln", "ls", "mkdir", "mkfifo", "mknod", "mount",
		"mv", "nc", "nproc", "ping", "printenv", "printf", "ps", "pwd", "readlink", "realpath", "reset",
		"rm", "rmdir", "seq", "sh", "sha256sum", "sleep", "sort", "spawn", "stat", "stty", "tail", "tar",
		"tee", "test", "timeout", "touch", "tr", "true", "tty", "umount", "uname", "uniq", "unshare", "wc",
		"wget", "which", "whoami", "xargs", "yes",
	}
}
