package ping

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Types of ICMP messages.
const (
	request4, reply4 = 8, 0 // RFC 792
	request6, reply6 = 128, 129
	headerSize       = 8
)

// A socket sends echo requests and receives the replies. The kernel has two kinds: one for this purpose alone, which it
// lets the groups in net.ipv4.ping_group_range use and where it picks the identifier and the replies itself (icmp(7)),
// and a raw one, which takes CAP_NET_RAW and where both is up to us.
type socket struct {
	fd         int
	raw        bool
	v6         bool
	identifier uint16
	to         unix.Sockaddr
}

func open(address net.IP) (*socket, error) {
	s := &socket{identifier: uint16(os.Getpid()), v6: address.To4() == nil}
	family, protocol := unix.AF_INET, unix.IPPROTO_ICMP
	if s.v6 {
		family, protocol = unix.AF_INET6, unix.IPPROTO_ICMPV6
		s.to = &unix.SockaddrInet6{Addr: [16]byte(address.To16())}
	} else {
		s.to = &unix.SockaddrInet4{Addr: [4]byte(address.To4())}
	}
	var err error
	if s.fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, protocol); err != nil {
		s.raw = true
		if s.fd, err = unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol); err != nil {
			return nil, fmt.Errorf("opening a socket for ICMP: %w: it takes CAP_NET_RAW, or a group in net.ipv4.ping_group_range", err)
		}
	}
	// Have the packet's time to live told with it.
	if s.v6 {
		err = unix.SetsockoptInt(s.fd, unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1)
	} else {
		err = unix.SetsockoptInt(s.fd, unix.IPPROTO_IP, unix.IP_RECVTTL, 1)
	}
	if err != nil {
		return nil, fmt.Errorf("setting up the socket for ICMP: %w", err)
	}
	return s, nil
}

func (s *socket) send(sequence, size int) error {
	packet := make([]byte, headerSize+size)
	packet[0] = request4
	if s.v6 {
		packet[0] = request6
	}
	binary.BigEndian.PutUint16(packet[4:], s.identifier)
	binary.BigEndian.PutUint16(packet[6:], uint16(sequence))
	for i := range size {
		packet[headerSize+i] = byte(i)
	}
	if !s.v6 { // for IPv6 the kernel does it, as it takes the addresses in
		binary.BigEndian.PutUint16(packet[2:], checksum(packet))
	}
	return unix.Sendto(s.fd, packet, 0, s.to)
}

// checksum is that of RFC 1071.
func checksum(packet []byte) uint16 {
	var sum uint32
	for ; len(packet) > 1; packet = packet[2:] {
		sum += uint32(binary.BigEndian.Uint16(packet))
	}
	if len(packet) == 1 {
		sum += uint32(packet[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// receive returns the next reply to a request of ours.
func (s *socket) receive() (answer, error) {
	buffer, control := make([]byte, 1<<16), make([]byte, 128)
	for {
		n, oob, _, from, err := unix.Recvmsg(s.fd, buffer, control, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return answer{}, err
		}
		at := time.Now()
		packet := buffer[:n]
		ttl := s.ttl(control[:oob])
		if s.raw && !s.v6 { // raw IPv4 sockets alone deliver the IP header too; see raw(7)
			if packet, ttl, err = strip(packet); err != nil {
				continue
			}
		}
		if a, ok := s.parse(packet); ok {
			a.at, a.ttl, a.from = at, ttl, addressOf(from)
			return a, nil
		}
	}
}

// parse takes an echo reply apart. What isn't one for us is not ok.
func (s *socket) parse(packet []byte) (answer, bool) {
	wanted := byte(reply4)
	if s.v6 {
		wanted = reply6
	}
	if len(packet) < headerSize || packet[0] != wanted {
		return answer{}, false
	}
	if s.raw && binary.BigEndian.Uint16(packet[4:]) != s.identifier {
		return answer{}, false
	}
	return answer{sequence: int(binary.BigEndian.Uint16(packet[6:])), size: len(packet)}, true
}

// strip removes the IP header and returns the time to live in it; see RFC 791, 3.1.
func strip(packet []byte) ([]byte, int, error) {
	if len(packet) < 20 || len(packet) < int(packet[0]&0xf)*4 {
		return nil, 0, errors.New("packet too short")
	}
	return packet[int(packet[0]&0xf)*4:], int(packet[8]), nil
}

func (s *socket) ttl(control []byte) int {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return 0
	}
	for _, m := range messages {
		v4 := m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_TTL
		v6 := m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_HOPLIMIT
		if (v4 || v6) && len(m.Data) >= 4 {
			return int(binary.NativeEndian.Uint32(m.Data))
		}
	}
	return 0
}

func addressOf(address unix.Sockaddr) net.IP {
	switch a := address.(type) {
	case *unix.SockaddrInet4:
		return a.Addr[:]
	case *unix.SockaddrInet6:
		return a.Addr[:]
	}
	return nil
}
