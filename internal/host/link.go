package host

import (
	"encoding/binary"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// Link is a network link in the calling thread's network namespace.
type Link struct {
	Index int
	Name  string
	// Peered: the other end is in another network namespace. Such a link, one half of a veth pair, is removed with that
	// namespace, that is with the container. See veth(4).
	Peered bool
}

func (l Link) String() string { return fmt.Sprintf("network link %s", l.Name) }

// links asks rtnetlink(7).
func links() ([]Link, error) {
	reply, err := syscall.NetlinkRIB(unix.RTM_GETLINK, unix.AF_UNSPEC)
	if err != nil {
		return nil, fmt.Errorf("listing network links: %w", err)
	}
	messages, err := syscall.ParseNetlinkMessage(reply)
	if err != nil {
		return nil, fmt.Errorf("listing network links: %w", err)
	}
	var list []Link
	for _, m := range messages {
		if m.Header.Type != unix.RTM_NEWLINK {
			continue
		}
		attributes, err := syscall.ParseNetlinkRouteAttr(&m)
		if err != nil {
			return nil, fmt.Errorf("listing network links: %w", err)
		}
		// struct ifinfomsg: family, padding and type take four bytes, then comes the index.
		link := Link{Index: int(int32(binary.NativeEndian.Uint32(m.Data[4:8])))}
		for _, a := range attributes {
			switch a.Attr.Type {
			case unix.IFLA_IFNAME:
				link.Name = unix.ByteSliceToString(a.Value)
			case unix.IFLA_LINK_NETNSID:
				link.Peered = true
			}
		}
		list = append(list, link)
	}
	return list, nil
}
