package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"stave/toolbox/rootfs"
)

const usage = `usage: toolbox [-arch ARCH] ROOTFS
       toolbox [-arch ARCH] -release STAVE

Makes a root filesystem at ROOTFS, a directory that doesn't exist yet or is empty.

`

func main() {
	arch := flag.String("arch", runtime.GOARCH, "make it for `ARCH`: amd64 or arm64")
	release := flag.Bool("release", false, "build the stave command at STAVE, with the toolbox inside")
	flag.Usage = func() {
		fmt.Fprint(os.Stderr, usage)
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	do := rootfs.Build
	if *release {
		do = rootfs.Release
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := do(ctx, flag.Arg(0), rootfs.Options{Arch: *arch, Log: os.Stderr}); err != nil {
		fmt.Fprintf(os.Stderr, "toolbox: %v\n", err)
		os.Exit(1)
	}
}
