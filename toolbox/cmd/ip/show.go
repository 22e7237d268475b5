package ip

import (
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// chosen returns the links to show: all, or the one named.
func chosen(words []string) ([]netlink.Link, error) {
	if len(words) > 0 && words[0] == "dev" {
		words = words[1:]
	}
	if len(words) > 0 {
		link, err := linkByName(words[0])
		return []netlink.Link{link}, err
	}
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("reading the devices: %w", err)
	}
	return links, nil
}

func (c command) showLinks(words []string) error {
	links, err := chosen(words)
	for _, link := range links {
		if err != nil {
			break
		}
		a := link.Attrs()
		if c.brief {
			fmt.Printf("%-16s %-14s %s %s\n", title(a), state(a), a.HardwareAddr, flags(a))
			continue
		}
		showLink(link)
	}
	return err
}

func showLink(link netlink.Link) {
	a := link.Attrs()
	master := ""
	if a.MasterIndex != 0 {
		master = fmt.Sprintf("master %d ", a.MasterIndex)
		if link, err := netlink.LinkByIndex(a.MasterIndex); err == nil {
			master = "master " + link.Attrs().Name + " "
		}
	}
	fmt.Printf("%d: %s: %s mtu %d %sstate %s qlen %d\n", a.Index, title(a), flags(a), a.MTU, master, state(a), max(0, a.TxQLen))
	kind, address, broadcast := a.EncapType, a.HardwareAddr.String(), "ff:ff:ff:ff:ff:ff"
	if a.Flags&net.FlagLoopback != 0 {
		kind, address, broadcast = "loopback", "00:00:00:00:00:00", "00:00:00:00:00:00"
	}
	fmt.Printf("    link/%s", kind)
	if address != "" {
		fmt.Printf(" %s brd %s", address, broadcast)
	}
	fmt.Println()
}

// title is the name, with the other end of a veth pair as it can be told from here.
func title(a *netlink.LinkAttrs) string {
	if a.ParentIndex == 0 || a.ParentIndex == a.Index {
		return a.Name
	}
	if peer, err := netlink.LinkByIndex(a.ParentIndex); err == nil && a.NetNsID < 0 {
		return a.Name + "@" + peer.Attrs().Name
	}
	return fmt.Sprintf("%s@if%d", a.Name, a.ParentIndex)
}

func state(a *netlink.LinkAttrs) string {
	return strings.ToUpper(a.OperState.String())
}

// flags in the order and spelling of iproute2; see netdevice(7).
func flags(a *netlink.LinkAttrs) string {
	var names []string
	if a.Flags&net.FlagUp != 0 && a.RawFlags&unix.IFF_RUNNING == 0 {
		names = append(names, "NO-CARRIER")
	}
	for _, f := range []struct {
		bit  uint32
		name string
	}{
		{unix.IFF_LOOPBACK, "LOOPBACK"}, {unix.IFF_BROADCAST, "BROADCAST"}, {unix.IFF_POINTOPOINT, "POINTOPOINT"},
		{unix.IFF_NOARP, "NOARP"}, {unix.IFF_MULTICAST, "MULTICAST"}, {unix.IFF_PROMISC, "PROMISC"},
		{unix.IFF_UP, "UP"}, {unix.IFF_LOWER_UP, "LOWER_UP"},
	} {
		if a.RawFlags&f.bit != 0 {
			names = append(names, f.name)
		}
	}
	return "<" + strings.Join(names, ",") + ">"
}

func (c command) showAddresses(words []string) error {
	links, err := chosen(words)
	if err != nil {
		return err
	}
	for _, link := range links {
		addresses, err := netlink.AddrList(link, c.family)
		if err != nil {
			return fmt.Errorf("reading the addresses of %s: %w", link.Attrs().Name, err)
		}
		if c.brief {
			var texts []string
			for _, a := range addresses {
				texts = append(texts, a.IPNet.String())
			}
			fmt.Printf("%-16s %-14s %s\n", title(link.Attrs()), state(link.Attrs()), strings.Join(texts, " "))
			continue
		}
		if len(addresses) == 0 && c.family != netlink.FAMILY_ALL {
			continue
		}
		showLink(link)
		for _, a := range addresses {
			showAddress(a)
		}
	}
	return nil
}

func showAddress(a netlink.Addr) {
	family := "inet6"
	if a.IP.To4() != nil {
		family = "inet"
	}
	text := a.IPNet.String()
	if a.Peer != nil && !a.Peer.IP.Equal(a.IP) {
		text = fmt.Sprintf("%s peer %s", a.IP, a.Peer)
	}
	if a.Broadcast != nil && a.IP.To4() != nil {
		text += " brd " + a.Broadcast.String()
	}
	fmt.Printf("    %s %s scope %s", family, text, scope(netlink.Scope(a.Scope)))
	if a.Label != "" {
		fmt.Print(" " + a.Label)
	}
	fmt.Println()
}

func scope(s netlink.Scope) string {
	if s == netlink.SCOPE_UNIVERSE {
		return "global"
	}
	return s.String()
}

func (c command) showRoutes([]string) error {
	family := c.family
	if family == netlink.FAMILY_ALL {
		family = netlink.FAMILY_V4 // as ip route has it
	}
	routes, err := netlink.RouteList(nil, family)
	if err != nil {
		return fmt.Errorf("reading the routes: %w", err)
	}
	for _, r := range routes {
		var parts []string
		if ones := ones(r.Dst); ones == 0 {
			parts = append(parts, "default")
		} else {
			parts = append(parts, r.Dst.String())
		}
		if r.Gw != nil {
			parts = append(parts, "via", r.Gw.String())
		}
		if link, err := netlink.LinkByIndex(r.LinkIndex); err == nil {
			parts = append(parts, "dev", link.Attrs().Name)
		}
		if r.Protocol.String() != "boot" {
			parts = append(parts, "proto", r.Protocol.String())
		}
		if r.Scope != netlink.SCOPE_UNIVERSE {
			parts = append(parts, "scope", scope(r.Scope))
		}
		if r.Src != nil {
			parts = append(parts, "src", r.Src.String())
		}
		if r.Priority != 0 {
			parts = append(parts, "metric", fmt.Sprint(r.Priority))
		}
		fmt.Fprintln(os.Stdout, strings.Join(parts, " "))
	}
	return nil
}

func ones(network *net.IPNet) int {
	if network == nil {
		return 0
	}
	n, _ := network.Mask.Size()
	return n
}

func (c command) showNeighbours([]string) error {
	neighbours, err := netlink.NeighList(0, c.family)
	if err != nil {
		return fmt.Errorf("reading the neighbours: %w", err)
	}
	states := map[int]string{
		netlink.NUD_INCOMPLETE: "INCOMPLETE", netlink.NUD_REACHABLE: "REACHABLE", netlink.NUD_STALE: "STALE",
		netlink.NUD_DELAY: "DELAY", netlink.NUD_PROBE: "PROBE", netlink.NUD_FAILED: "FAILED",
		netlink.NUD_PERMANENT: "PERMANENT",
	}
	for _, n := range neighbours {
		link, err := netlink.LinkByIndex(n.LinkIndex)
		if err != nil || n.State == netlink.NUD_NOARP {
			continue
		}
		text := fmt.Sprintf("%s dev %s", n.IP, link.Attrs().Name)
		if n.HardwareAddr != nil {
			text += " lladdr " + n.HardwareAddr.String()
		}
		fmt.Println(text, states[n.State])
	}
	return nil
}
