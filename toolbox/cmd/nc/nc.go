// Package nc connects standard input and output to a network connection, or waits for one.
//
// Synopsis:
//
//	nc [-46nuvz] [-w SECONDS] HOST PORT
//	nc -l [-46kuv] [-w SECONDS] [-p] PORT
//	nc [-lk] -U SOCKET
//	nc -l … -e COMMAND
//
// Options:
//
//	-4, -6      only IPv4, only IPv6
//	-e COMMAND  the connection is the standard input and output of this program, run by sh
//	-k          with -l: wait for another connection when one is over
//	-l          wait for a connection
//	-N          accepted: the end of input is always told
//	-n          accepted: an address is never looked up
//	-p PORT     with -l: the port to wait at; without: the port to connect from
//	-U          a socket in the file system
//	-u          UDP
//	-v          say what happens
//	-w SECONDS  give up connecting after so long
//	-z          only see whether somebody listens
package nc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"time"

	"golang.org/x/term"

	"stave/toolbox/cmdline"
)

type options struct {
	v4, v6, keep, listen, unix, udp, verbose, scan bool
	command, port                                  string
	wait                                           time.Duration
}

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("nc [-46klnuUvz] [-e COMMAND] [-p PORT] [-w SECONDS] [HOST] PORT")
	var o options
	line.BoolVarP(&o.v4, "ipv4", "4", false, "only IPv4")
	line.BoolVarP(&o.v6, "ipv6", "6", false, "only IPv6")
	line.StringVarP(&o.command, "exec", "e", "", "connect this `COMMAND`, run by sh")
	line.BoolVarP(&o.keep, "keep", "k", false, "with -l: wait for another connection when one is over")
	line.BoolVarP(&o.listen, "listen", "l", false, "wait for a connection")
	line.BoolP("shutdown", "N", false, "accepted: the end of input is always told")
	line.BoolP("numeric", "n", false, "accepted: an address is never looked up")
	line.StringVarP(&o.port, "port", "p", "", "the `PORT` to wait at, or to connect from")
	line.BoolVarP(&o.unix, "unix", "U", false, "a socket in the file system")
	line.BoolVarP(&o.udp, "udp", "u", false, "UDP")
	line.BoolVarP(&o.verbose, "verbose", "v", false, "say what happens")
	seconds := line.Float64P("wait", "w", 0, "give up connecting after `SECONDS`")
	line.BoolVarP(&o.scan, "scan", "z", false, "only see whether somebody listens")
	if status, ok := line.Read(args); !ok {
		return status
	}
	o.wait = time.Duration(*seconds * float64(time.Second))
	network, address, err := o.address(line.Args())
	if err != nil {
		return line.Misuse("%v", err)
	}
	if o.listen {
		err = o.serve(network, address)
	} else {
		err = o.connect(network, address)
	}
	if err != nil {
		return line.Fail(err)
	}
	return cmdline.Success
}

// address returns what net.Dial and net.Listen want of the operands.
func (o *options) address(operands []string) (network, address string, err error) {
	if o.unix {
		if len(operands) != 1 {
			return "", "", errors.New("which socket?")
		}
		if o.udp {
			return "unixgram", operands[0], nil
		}
		return "unix", operands[0], nil
	}
	network = "tcp"
	if o.udp {
		network = "udp"
	}
	if o.v4 {
		network += "4"
	} else if o.v6 {
		network += "6"
	}
	if o.listen {
		host := ""
		if o.port == "" {
			if len(operands) == 0 {
				return "", "", errors.New("which port?")
			}
			o.port, operands = operands[len(operands)-1], operands[:len(operands)-1]
		}
		if len(operands) > 0 {
			host = operands[0]
		}
		return network, net.JoinHostPort(host, o.port), nil
	}
	if len(operands) != 2 {
		return "", "", errors.New("a host and a port are needed")
	}
	return network, net.JoinHostPort(operands[0], operands[1]), nil
}

func (o *options) logf(format string, args ...any) {
	if o.verbose {
		fmt.Fprintf(os.Stderr, "nc: "+format+"\n", args...)
	}
}

func (o *options) connect(network, address string) error {
	dialer := net.Dialer{Timeout: o.wait}
	if o.port != "" {
		var err error
		if dialer.LocalAddr, err = localAddress(network, o.port); err != nil {
			return err
		}
	}
	conn, err := dialer.Dial(network, address)
	if err != nil {
		return err
	}
	defer conn.Close()
	o.logf("connected to %s", conn.RemoteAddr())
	if o.scan {
		return nil
	}
	return o.talk(conn)
}

func localAddress(network, port string) (net.Addr, error) {
	if network[:3] == "udp" {
		return net.ResolveUDPAddr(network, ":"+port)
	}
	return net.ResolveTCPAddr(network, ":"+port)
}

func (o *options) serve(network, address string) error {
	if o.udp {
		return o.servePackets(network, address)
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), network, address)
	if err != nil {
		return err
	}
	defer listener.Close()
	o.logf("listening on %s", listener.Addr())
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		o.logf("connection from %s", conn.RemoteAddr())
		if !o.keep {
			listener.Close() // nobody else will be heard
		}
		err = o.talk(conn)
		conn.Close()
		if !o.keep {
			return err
		}
	}
}

// talk copies both ways until the other side is done. That it has nothing more to say may be all that it is done with, so
// what this side was given is still sent, unless somebody would have to type that.
func (o *options) talk(conn net.Conn) error {
	if o.command != "" {
		cmd := exec.Command("sh", "-c", o.command)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = conn, conn, os.Stderr
		if file, err := conn.(interface{ File() (*os.File, error) }).File(); err == nil {
			defer file.Close()
			cmd.Stdin, cmd.Stdout = file, file // the program gets the socket itself
		}
		return cmd.Run()
	}
	sent := make(chan struct{})
	go func() { // ends with the process: a read of standard input can't be taken back
		io.Copy(conn, os.Stdin)
		if half, ok := conn.(interface{ CloseWrite() error }); ok {
			half.CloseWrite()
		}
		close(sent)
	}()
	_, err := io.Copy(os.Stdout, conn)
	if err == nil && !term.IsTerminal(int(os.Stdin.Fd())) {
		<-sent
	}
	return err
}

// servePackets waits for a first packet, and then talks with its sender only.
func (o *options) servePackets(network, address string) error {
	socket, err := net.ListenPacket(network, address)
	if err != nil {
		return err
	}
	defer socket.Close()
	o.logf("listening on %s", socket.LocalAddr())
	var peer net.Addr
	buffer := make([]byte, 1<<16)
	for {
		n, from, err := socket.ReadFrom(buffer)
		if err != nil {
			return err
		}
		if peer == nil {
			peer = from
			o.logf("packets from %s", peer)
			go func() { // ends with the process
				io.Copy(packetWriter{socket, peer}, os.Stdin)
			}()
		}
		if from.String() != peer.String() {
			continue
		}
		if _, err := os.Stdout.Write(buffer[:n]); err != nil {
			return err
		}
	}
}

type packetWriter struct {
	socket net.PacketConn
	peer   net.Addr
}

func (w packetWriter) Write(p []byte) (int, error) { return w.socket.WriteTo(p, w.peer) }
