package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
)

// door is a port of the host's, and the container's one that it leads to.
type door struct {
	listener *net.TCPListener
	port     int
}

// listen takes the host's ports. It is early for that: clients have to wait until there is a container, but a port that is
// in use can be told of in time.
func (n *network) listen() error {
	if len(n.Publish) > 0 && n.Mode != "bridge" {
		return errors.New("--publish needs --network bridge")
	}
	for _, s := range n.Publish {
		outside, inside, _ := strings.Cut(s, ":")
		hostPort, errOutside := strconv.ParseUint(outside, 10, 16)
		port, errInside := strconv.ParseUint(inside, 10, 16)
		if errOutside != nil || errInside != nil || hostPort == 0 || port == 0 {
			return fmt.Errorf("--publish %s: want HOSTPORT:PORT, two numbers from 1 to 65535", s)
		}
		listener, err := net.ListenTCP("tcp", &net.TCPAddr{Port: int(hostPort)}) // at all addresses
		if err != nil {
			return fmt.Errorf("--publish %s: %w", s, err)
		}
		n.doors = append(n.doors, door{listener, int(port)})
	}
	return nil
}

// connections are those that are handed on.
var connections sync.WaitGroup

// serve ends when the listener is closed.
func (d door) serve(container net.IP) {
	for {
		client, err := d.listener.AcceptTCP()
		if err != nil {
			return
		}
		connections.Go(func() { handOn(client, &net.TCPAddr{IP: container, Port: d.port}) })
	}
}

// close gives the host's ports back, and waits for the connections that there are.
func (n *network) close() {
	for _, d := range n.doors {
		d.listener.Close()
	}
	connections.Wait()
}

// handOn connects a client with a server, until both have sent all.
func handOn(client *net.TCPConn, address *net.TCPAddr) {
	defer client.Close()
	server, err := net.DialTCP("tcp", nil, address)
	if err != nil {
		return // nobody listens in there
	}
	defer server.Close()
	answered := make(chan struct{})
	go func() {
		oneWay(client, server)
		close(answered)
	}()
	oneWay(server, client)
	<-answered
}

// oneWay copies until nothing more will come, and says so. What comes the other way is not affected.
func oneWay(to, from *net.TCPConn) {
	io.Copy(to, from)
	to.CloseWrite()
}
