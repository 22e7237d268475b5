// Toolbox makes a root filesystem for a container to live in, from source: a shell, the usual commands, and four
// teaching tools. Three meet the limits of cgroups on purpose (hog, burn, spawn), one what is refused (attempt).
//
// Synopsis:
//
//	toolbox [-arch ARCH] ROOTFS
//	toolbox [-arch ARCH] -release STAVE
//
// Options:
//
//	-arch ARCH  for amd64 or arm64, not for this machine
//	-release    build the stave command, with the toolbox inside, so that it needs no Go toolchain
//
// ROOTFS is a directory that doesn't exist yet or is empty. It takes a few seconds the first time, to compile; then
// go's build cache has it. Nothing is downloaded but the modules in go.mod, and with those in the module cache it works
// offline.
//
// # Where things are
//
//	rootfs/   makes the root filesystem; what else in this repository wants one imports only this
//	box/      the one binary, which is all commands
//	cmd/      the commands, a folder each
//	sh/       the shell
//
// The other folders are what several commands share. A command says in its package comment what it does and which
// options it takes; `go doc ./toolbox/cmd/hog` shows it, and so does `hog --help` in short.
//
// # Why these and not others
//
// busybox is what most containers have, and it is C. The commands of u-root are Go, and were tried: too much of what
// a learner types means something else to them or nothing (ls -la, ping -c1, head -2, df -h, tar czf, kill -l). These
// here know what one is likely to type on Debian or in busybox, and the rest says so with an error.
package main
