// Serve is a registry of files, for chapter 06: it hands out what lies in a directory, and prints what it was asked for.
//
// Synopsis:
//
//	serve DIR [PROG [ARG...]]
//
// It serves DIR at localhost:5006 while PROG runs, and exits as PROG does; without PROG it goes on until it is
// interrupted. The image localhost:5006/box:latest is then what DIR/v2/box/manifests/latest says. DIR can be put
// together with mkdir, cp and ln: a tag is a symbolic link to a manifest, and everything else a file called by its
// digest. What a registry takes besides (uploads, passwords) this one doesn't.
package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"stave/internal/registry"
)

const address = "127.0.0.1:5006"

// patience is how long serve waits for its turn, if another one has the address.
const patience = 30 * time.Second

func main() {
	err := serve(os.Args[1:])
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Exited() {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(125)
	}
}

func serve(args []string) error {
	if len(args) == 0 {
		return errors.New("usage: serve DIR [PROG [ARG...]]")
	}
	root, err := os.OpenRoot(args[0])
	if err != nil {
		return err
	}
	listener, err := listen()
	if err != nil {
		return err
	}
	server := &http.Server{Handler: registry.Files(root, os.Stderr)}
	if len(args) == 1 {
		fmt.Fprintf(os.Stderr, "serving %s at %s, until interrupted\n", args[0], address)
		return server.Serve(listener)
	}
	go server.Serve(listener) // until the program, and this process with it, ends
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}

func listen() (net.Listener, error) {
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		listener, err := net.Listen("tcp", address)
		if !errors.Is(err, unix.EADDRINUSE) || time.Now().After(deadline) {
			return listener, err
		}
	}
}
