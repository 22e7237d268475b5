// Package ip shows and changes network interfaces, addresses and routes, which belong to the network namespace the
// caller is in; see network_namespaces(7) and rtnetlink(7).
//
// Synopsis:
//
//	ip [-4 | -6] [-br] address [show [DEVICE]]
//	ip address add|del ADDRESS/BITS dev DEVICE
//	ip [-br] link [show [DEVICE]]
//	ip link set DEVICE up|down|mtu N|name NEW|address MAC|master BRIDGE|nomaster|netns PID …
//	ip link add NAME type veth peer [name] NAME
//	ip link add NAME type bridge|dummy
//	ip link del DEVICE
//	ip [-4 | -6] route [show]
//	ip route add|del DESTINATION|default [via GATEWAY] [dev DEVICE]
//	ip neighbour [show]
//
// Words may be cut short: ip a, ip l, ip r, ip n.
//
// Options:
//
//	-4, -6  only IPv4, only IPv6
//	-br     one line each
package ip

import (
	"fmt"
	"strings"

	"github.com/vishvananda/netlink"

	"stave/toolbox/cmdline"
)

const synopsis = "ip [-4 | -6] [-br] address|link|route|neighbour [show | add … | del … | set …]"

type command struct {
	family int
	brief  bool
}

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New(synopsis)
	c := command{family: netlink.FAMILY_ALL}
	words := args[1:]
	for ; len(words) > 0 && strings.HasPrefix(words[0], "-"); words = words[1:] {
		switch words[0] {
		case "-4":
			c.family = netlink.FAMILY_V4
		case "-6":
			c.family = netlink.FAMILY_V6
		case "-br", "-brief":
			c.brief = true
		case "-c", "-color", "-d", "-details", "-s", "-o": // nothing of theirs is missed
		case "--help", "-h", "-help":
			fmt.Println("usage: " + synopsis)
			return cmdline.Success
		default:
			return line.Misuse("%q is not an option of it", words[0])
		}
	}
	if len(words) == 0 {
		return line.Misuse("what of? address, link, route or neighbour")
	}
	verb := "show"
	object, rest := words[0], words[1:]
	if len(rest) > 0 {
		verb, rest = rest[0], rest[1:]
	}
	do, err := c.find(object, verb)
	if err != nil {
		return line.Misuse("%v", err)
	}
	if err := do(rest); err != nil {
		return line.Fail(err)
	}
	return cmdline.Success
}

// find returns what does the verb with the object. Either may be cut short.
func (c command) find(object, verb string) (func([]string) error, error) {
	objects := []struct {
		name  string
		verbs []string
		do    []func([]string) error
	}{
		{"address", []string{"show", "list", "add", "delete"},
			[]func([]string) error{c.showAddresses, c.showAddresses, addAddress, deleteAddress}},
		{"link", []string{"show", "list", "set", "add", "delete"},
			[]func([]string) error{c.showLinks, c.showLinks, setLink, addLink, deleteLink}},
		{"route", []string{"show", "list", "add", "delete", "replace"},
			[]func([]string) error{c.showRoutes, c.showRoutes, addRoute, deleteRoute, replaceRoute}},
		{"neighbour", []string{"show", "list"}, []func([]string) error{c.showNeighbours, c.showNeighbours}},
		{"neighbor", []string{"show", "list"}, []func([]string) error{c.showNeighbours, c.showNeighbours}},
	}
	for _, o := range objects {
		if !strings.HasPrefix(o.name, object) {
			continue
		}
		for i, name := range o.verbs {
			if strings.HasPrefix(name, verb) {
				return o.do[i], nil
			}
		}
		return nil, fmt.Errorf("%q: with %s it can %s", verb, o.name, strings.Join(o.verbs, ", "))
	}
	return nil, fmt.Errorf("%q: it knows address, link, route and neighbour", object)
}

// settings reads pairs of words, such as dev eth0 via 10.0.0.1, of the names allowed.
func settings(words []string, allowed ...string) (map[string]string, error) {
	values := map[string]string{}
	for ; len(words) > 0; words = words[2:] {
		if !strings.Contains(" "+strings.Join(allowed, " ")+" ", " "+words[0]+" ") {
			return nil, fmt.Errorf("%q: here it knows %s", words[0], strings.Join(allowed, ", "))
		}
		if len(words) == 1 {
			return nil, fmt.Errorf("%s needs a value", words[0])
		}
		values[words[0]] = words[1]
	}
	return values, nil
}

func linkByName(name string) (netlink.Link, error) {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return nil, fmt.Errorf("device %s: %w", name, err)
	}
	return link, nil
}
