package ip

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
)

func addAddress(words []string) error    { return changeAddress(words, netlink.AddrAdd) }
func deleteAddress(words []string) error { return changeAddress(words, netlink.AddrDel) }

func changeAddress(words []string, change func(netlink.Link, *netlink.Addr) error) error {
	if len(words) == 0 {
		return fmt.Errorf("which address? such as 10.0.0.1/24 dev eth0")
	}
	text := words[0]
	values, err := settings(words[1:], "dev", "broadcast", "brd", "scope", "label")
	if err != nil {
		return err
	}
	if !strings.Contains(text, "/") {
		if text += "/32"; strings.Contains(text, ":") {
			text = strings.TrimSuffix(text, "/32") + "/128"
		}
	}
	address, err := netlink.ParseAddr(text)
	if err != nil {
		return fmt.Errorf("%q is not an address such as 10.0.0.1/24", words[0])
	}
	link, err := linkByName(values["dev"])
	if err != nil {
		return err
	}
	if err := change(link, address); err != nil {
		return fmt.Errorf("changing %s on %s: %w", text, values["dev"], err)
	}
	return nil
}

func deleteLink(words []string) error {
	if len(words) > 0 && words[0] == "dev" {
		words = words[1:]
	}
	if len(words) == 0 {
		return fmt.Errorf("which device?")
	}
	link, err := linkByName(words[0])
	if err != nil {
		return err
	}
	if err := netlink.LinkDel(link); err != nil {
		return fmt.Errorf("deleting %s: %w", words[0], err)
	}
	return nil
}

func addLink(words []string) error {
	if len(words) > 0 && (words[0] == "name" || words[0] == "dev") {
		words = words[1:]
	}
	if len(words) < 3 || words[1] != "type" {
		return fmt.Errorf("it takes a name and a type: ip link add veth0 type veth peer name veth1")
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = words[0]
	kind, rest := words[2], words[3:]
	var link netlink.Link
	switch kind {
	case "bridge":
		link = &netlink.Bridge{LinkAttrs: attrs}
	case "dummy":
		link = &netlink.Dummy{LinkAttrs: attrs}
	case "veth":
		if len(rest) == 3 && rest[1] == "name" {
			rest = []string{rest[0], rest[2]}
		}
		if len(rest) != 2 || rest[0] != "peer" {
			return fmt.Errorf("a veth is a pair: … type veth peer name NAME")
		}
		link = &netlink.Veth{LinkAttrs: attrs, PeerName: rest[1]}
	default:
		return fmt.Errorf("type %q: it can make veth, bridge and dummy", kind)
	}
	if err := netlink.LinkAdd(link); err != nil {
		return fmt.Errorf("adding %s: %w", attrs.Name, err)
	}
	return nil
}

func setLink(words []string) error {
	if len(words) > 0 && words[0] == "dev" {
		words = words[1:]
	}
	if len(words) < 2 {
		return fmt.Errorf("set what? such as: ip link set lo up")
	}
	link, err := linkByName(words[0])
	if err != nil {
		return err
	}
	name := words[0]
	for words = words[1:]; len(words) > 0; {
		n, err := setOne(link, words)
		if err != nil {
			return fmt.Errorf("setting %s of %s: %w", words[0], name, err)
		}
		words = words[n:]
	}
	return nil
}

// setOne changes one thing of a device and returns how many words said which.
func setOne(link netlink.Link, words []string) (int, error) {
	switch words[0] {
	case "up":
		return 1, netlink.LinkSetUp(link)
	case "down":
		return 1, netlink.LinkSetDown(link)
	case "nomaster":
		return 1, netlink.LinkSetNoMaster(link)
	}
	if len(words) < 2 {
		return 0, fmt.Errorf("it takes up, down, nomaster, or mtu, name, address, master, netns with a value")
	}
	value := words[1]
	switch words[0] {
	case "mtu":
		mtu, err := strconv.Atoi(value)
		if err != nil {
			return 0, err
		}
		return 2, netlink.LinkSetMTU(link, mtu)
	case "name":
		return 2, netlink.LinkSetName(link, value)
	case "address":
		mac, err := net.ParseMAC(value)
		if err != nil {
			return 0, err
		}
		return 2, netlink.LinkSetHardwareAddr(link, mac)
	case "master":
		master, err := linkByName(value)
		if err != nil {
			return 0, err
		}
		return 2, netlink.LinkSetMaster(link, master)
	case "netns":
		pid, err := strconv.Atoi(value)
		if err != nil {
			return 0, fmt.Errorf("%q is not a process id", value)
		}
		return 2, netlink.LinkSetNsPid(link, pid)
	}
	return 0, fmt.Errorf("it takes up, down, nomaster, or mtu, name, address, master, netns with a value")
}

func addRoute(words []string) error     { return changeRoute(words, netlink.RouteAdd) }
func deleteRoute(words []string) error  { return changeRoute(words, netlink.RouteDel) }
func replaceRoute(words []string) error { return changeRoute(words, netlink.RouteReplace) }

func changeRoute(words []string, change func(*netlink.Route) error) error {
	if len(words) == 0 {
		return fmt.Errorf("which route? such as: default via 10.0.0.1")
	}
	values, err := settings(words[1:], "via", "dev", "src", "metric")
	if err != nil {
		return err
	}
	var route netlink.Route
	if words[0] != "default" {
		if route.Dst, err = network(words[0]); err != nil {
			return err
		}
	}
	if text, ok := values["via"]; ok {
		if route.Gw = net.ParseIP(text); route.Gw == nil {
			return fmt.Errorf("%q is not an address", text)
		}
	}
	if text, ok := values["src"]; ok {
		if route.Src = net.ParseIP(text); route.Src == nil {
			return fmt.Errorf("%q is not an address", text)
		}
	}
	if text, ok := values["metric"]; ok {
		if route.Priority, err = strconv.Atoi(text); err != nil {
			return err
		}
	}
	if name, ok := values["dev"]; ok {
		link, err := linkByName(name)
		if err != nil {
			return err
		}
		route.LinkIndex = link.Attrs().Index
		if route.Gw == nil {
			route.Scope = netlink.SCOPE_LINK
		}
	}
	if route.Dst == nil { // netlink wants the network of all addresses said
		bits := 32
		if route.Gw != nil && route.Gw.To4() == nil {
			bits = 128
		}
		route.Dst = &net.IPNet{IP: make(net.IP, bits/8), Mask: net.CIDRMask(0, bits)}
	}
	if err := change(&route); err != nil {
		return fmt.Errorf("changing the route to %s: %w", words[0], err)
	}
	return nil
}

func network(text string) (*net.IPNet, error) {
	if ip := net.ParseIP(text); ip != nil {
		bits := 128
		if ip.To4() != nil {
			ip, bits = ip.To4(), 32
		}
		return &net.IPNet{IP: ip, Mask: net.CIDRMask(bits, bits)}, nil
	}
	_, network, err := net.ParseCIDR(text)
	if err != nil {
		return nil, fmt.Errorf("%q is not a network such as 10.0.0.0/24", text)
	}
	return network, nil
}
