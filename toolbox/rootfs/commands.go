package rootfs

// Commands are the names the toolbox binary answers to, each a link in /bin. A test in stave/toolbox/box holds this
// list and the binary's own together; it is kept here so that whoever makes a root filesystem need not link the
// commands.
func Commands() []string {
	return []string{
		"burn", "cat", "false", "hog", "hostname", "sh", "sleep", "spawn", "true",
	}
}
