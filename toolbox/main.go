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

func main() {
	arch := flag.String("arch", runtime.GOARCH, "make it for `ARCH`: amd64 or arm64")
	flag.Usage = func() {
		fmt.Fprintf(os.Stderr, "usage: toolbox [-arch ARCH] ROOTFS\n\nMakes a root filesystem at ROOTFS, a directory that doesn't exist yet or is empty.\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := rootfs.Build(ctx, flag.Arg(0), rootfs.Options{Arch: *arch, Log: os.Stderr}); err != nil {
		fmt.Fprintf(os.Stderr, "toolbox: %v\n", err)
		os.Exit(1)
	}
}
