// Package registry is a program for test scripts: a registry on the loopback interface with one image in it, made from a root
// filesystem.
package registry

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Main is the program: registry ROOTFS PROG ARG... serves the image "box" while PROG runs, with the registry's address
// in the environment variable REGISTRY, and exits as PROG does. The image has two layers: ROOTFS, then one that adds
// /etc/motd and deletes /etc/os-release. It is to run as uid 0 in /srv with GREETING=hello, and says so by default.
func Main() {
	if err := run(os.Args[1:]); err != nil {
		if exit, ok := err.(*exec.ExitError); ok {
			os.Exit(exit.ExitCode())
		}
		fmt.Fprintln(os.Stderr, "registry:", err)
		os.Exit(125)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("usage: registry ROOTFS PROG [ARG]")
	}
	address, stop, err := Start(args[0])
	if err != nil {
		return err
	}
	defer stop()
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Env = append(os.Environ(), "REGISTRY="+address)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}

// Start serves the image "box" on the loopback interface until stop is called.
func Start(rootfs string) (address string, stop func(), err error) {
	img, err := box(rootfs)
	if err != nil {
		return "", nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	stop = start(listener, registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	address = listener.Addr().String()
	ref, err := name.ParseReference(address + "/box:latest")
	if err == nil {
		err = remote.Write(ref, img)
	}
	if err != nil {
		stop()
		return "", nil, err
	}
	return address, stop, nil
}

func box(rootfs string) (v1.Image, error) {
	var lower bytes.Buffer
	w := tar.NewWriter(&lower)
	if err := w.AddFS(os.DirFS(rootfs)); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	var upper bytes.Buffer
	w = tar.NewWriter(&upper)
	const motd = "welcome to the box\n"
	for _, h := range []*tar.Header{
		{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "etc/motd", Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(motd))},
		{Name: "etc/.wh.os-release", Typeflag: tar.TypeReg, Mode: 0o644},
	} {
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if h.Size > 0 {
			if _, err := io.WriteString(w, motd); err != nil {
				return nil, err
			}
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	img := empty.Image
	for _, b := range [][]byte{lower.Bytes(), upper.Bytes()} {
		open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
		// Many scripts make this image, and it goes no further than the loopback interface.
		l, err := tarball.LayerFromOpener(open, tarball.WithCompressionLevel(gzip.BestSpeed), tarball.WithCompressedCaching)
		if err != nil {
			return nil, err
		}
		if img, err = mutate.AppendLayers(img, l); err != nil {
			return nil, err
		}
	}
	c, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	c = c.DeepCopy()
	c.OS, c.Architecture = "linux", runtime.GOARCH
	c.Config = v1.Config{Env: []string{"PATH=/bin", "GREETING=hello"}, Cmd: []string{"sh", "-c", "echo $GREETING from $(pwd)"}, WorkingDir: "/srv", User: "0"}
	return mutate.ConfigFile(img, c)
}
