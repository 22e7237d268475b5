package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/spf13/cobra"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// network is what a network namespace holds: interfaces, addresses, routes, ports, a firewall. A new one has a loopback
// interface, which is down, and nothing else. See network_namespaces(7).
type network struct {
	Mode    string
	Address *net.IPNet    // the container's
	Names   []string      // more of them in /etc/hosts, by --add-host
	cable   *netlink.Veth // the host's end
	resolv  string        // the file that the container sees as /etc/resolv.conf
	hosts   string        // and as /etc/hosts
	lock    *os.File      // locked as long as we use what containers share
}

// Containers meet at a bridge: a switch, made of software. The host is plugged in as well, and is their way to elsewhere.
var (
	bridge = &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "stave0", HardwareAddr: net.HardwareAddr{2, 0, 10, 87, 0, 1}, TxQLen: -1}}
	host   = &net.IPNet{IP: net.IP{10, 87, 0, 1}, Mask: net.CIDRMask(16, 32)}
)

func (n *network) flags(run *cobra.Command) {
	run.Flags().StringVar(&n.Mode, "network", "host", "`which` one: host, the machine's own, bridge, with other containers, or none")
	run.Flags().StringArrayVar(&n.Names, "add-host", nil, "a name and its address, `NAME:ADDRESS`, for /etc/hosts (repeatable)")
}

// create asks for a namespace, and makes what containers share unless it is there.
func (n *network) create(c *container, child *syscall.SysProcAttr) error {
	switch n.Mode {
	case "host":
		return nil
	case "none":
		child.Cloneflags |= unix.CLONE_NEWNET
		return nil
	case "bridge":
		child.Cloneflags |= unix.CLONE_NEWNET
	default:
		return fmt.Errorf("there is no network %q: it is host, bridge or none", n.Mode)
	}
	// The host's namespace is a file, too. Whoever uses the bridge has it locked, and the kernel unlocks it for the dead.
	lock, err := os.Open("/proc/self/ns/net")
	if err != nil {
		return fmt.Errorf("opening the host's network: %w", err)
	}
	for deadline := time.Now().Add(5 * time.Second); unix.Flock(int(lock.Fd()), unix.LOCK_SH|unix.LOCK_NB) != nil; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return errors.New("somebody has locked the host's network for themselves alone; /proc/locks says who")
		}
	}
	err = netlink.LinkAdd(bridge)
	if errors.Is(err, unix.EPERM) { // by its text alone, or main.go would advise "unshare -Ur", which can't do any better
		return fmt.Errorf("making a bridge: %s: be root, or inside \"unshare -Urn\", where the network is yours", err.Error())
	}
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("making a bridge: %w", err)
	}
	n.lock = lock
	if err := errors.Join(netlink.AddrReplace(bridge, &netlink.Addr{IPNet: host}), netlink.LinkSetUp(bridge)); err != nil {
		return fmt.Errorf("plugging the host in: %w", err)
	}
	if err := masquerade(); err != nil {
		return fmt.Errorf("translating addresses: %w (does the kernel have nf_tables?)", err)
	}
	if forward, _ := os.ReadFile("/proc/sys/net/ipv4/ip_forward"); string(forward) != "1\n" {
		fmt.Fprintln(os.Stderr, "step: only the host and neighbours can be reached; sysctl net.ipv4.ip_forward=1 opens the way to others")
	}
	return errors.Join(n.nameservers(c), n.names(c))
}

// masquerade has the host send what goes from the bridge to elsewhere as if it came from the host itself, and send the
// answers back: elsewhere, nobody knows the way to us. It is a program for the kernel, which nft(8) writes down as
//
//	table ip stave { chain out { type nat hook postrouting priority srcnat;
//		ip saddr 10.87.0.0/16 oifname != "stave0" masquerade } }
func masquerade() error {
	nft, err := nftables.New()
	if err != nil {
		return err
	}
	table := nft.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "stave"})
	nft.FlushTable(table) // another container may have filled it; Flush, below, does all of this at once
	out := nft.AddChain(&nftables.Chain{Table: table, Name: "out", Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource})
	nft.AddRule(&nftables.Rule{Table: table, Chain: out, Exprs: []expr.Any{
		&expr.Payload{Base: expr.PayloadBaseNetworkHeader, Offset: 12, Len: 2, DestRegister: 1}, // of the source address, RFC 791
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: host.IP[:2]},
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: append([]byte(bridge.Name), make([]byte, unix.IFNAMSIZ-len(bridge.Name))...)},
		&expr.Masq{},
	}})
	return nft.Flush()
}

// See resolv.conf(5). What answers on the host's loopback interface can't be reached from a container: it has its own.
var nameserver, onLoopback = regexp.MustCompile(`(?m)^nameserver\s`), regexp.MustCompile(`(?m)^nameserver\s+(127\.|::1).*\n?`)

// nameservers has the container ask those whom the host asks.
func (n *network) nameservers(c *container) error {
	for _, path := range leftovers(filepath.Join(os.TempDir(), "stave-resolv-*")) {
		os.Remove(path)
	}
	if c.Mounts.Rootfs == "" && len(c.Overlay.Layers) == 0 {
		return nil // it sees the host's file
	}
	file, err := os.CreateTemp("", fmt.Sprintf("stave-resolv-*-%d", os.Getpid()))
	if err != nil {
		return err
	}
	defer file.Close()
	n.resolv = file.Name()
	c.Mounts.Volumes = slices.Insert(c.Mounts.Volumes, 0, n.resolv+":/etc/resolv.conf:ro") // the user's lie on top of it
	var text []byte
	for _, path := range []string{"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"} { // whom systemd-resolved asks
		text, _ = os.ReadFile(path)
		if text = onLoopback.ReplaceAll(text, nil); nameserver.Match(text) {
			break
		}
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Chmod(0o644))
}

// names has the container know those that --add-host gives; see hosts(5).
func (n *network) names(c *container) error {
	for _, path := range leftovers(filepath.Join(os.TempDir(), "stave-hosts-*")) {
		os.Remove(path)
	}
	if len(n.Names) == 0 {
		return nil
	}
	if c.Mounts.Rootfs == "" && len(c.Overlay.Layers) == 0 {
		return errors.New("--add-host needs --rootfs, --layer or an image: the file /etc/hosts would be the host's")
	}
	text := "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
	for _, s := range n.Names {
		name, address, _ := strings.Cut(s, ":") // the first one: an IPv6 address has more of them, and a name has none
		if name == "" || net.ParseIP(address) == nil {
			return fmt.Errorf("--add-host %s: want NAME:ADDRESS, such as box:10.87.0.2", s)
		}
		text += address + "\t" + name + "\n"
	}
	file, err := os.CreateTemp("", fmt.Sprintf("stave-hosts-*-%d", os.Getpid()))
	if err != nil {
		return err
	}
	defer file.Close()
	n.hosts = file.Name()
	c.Mounts.Volumes = slices.Insert(c.Mounts.Volumes, 0, n.hosts+":/etc/hosts:ro")
	_, err = file.WriteString(text)
	return errors.Join(err, file.Chmod(0o644))
}

// join lays a cable from the bridge to the container, which waits for its configuration. See veth(4).
func (n *network) join(pid int) error {
	if n.Mode != "bridge" {
		return nil
	}
	end := netlink.LinkAttrs{Name: fmt.Sprintf("stave-%d", os.Getpid()), MasterIndex: bridge.Index, TxQLen: -1}
	n.cable = &netlink.Veth{LinkAttrs: end, PeerName: "eth0", PeerNamespace: netlink.NsPid(pid)}
	if err := netlink.LinkAdd(n.cable); err != nil {
		return fmt.Errorf("laying a cable: %w", err)
	}
	// The kernel numbers interfaces, upwards. Of 65,533 in a row no two have the same number: nor, then, the same address.
	number := 2 + n.cable.Index%65533 // 10.87.0.0 is the network, 0.1 the host, 255.255 everybody
	n.Address = &net.IPNet{IP: net.IPv4(10, 87, byte(number>>8), byte(number)), Mask: host.Mask}
	return netlink.LinkSetUp(n.cable)
}

// child is inside, where nothing is up yet, nothing has an address, and there is no way to anywhere.
func (n *network) child() error {
	if n.Mode == "host" {
		return nil
	}
	lo, eth0 := &netlink.Device{LinkAttrs: netlink.LinkAttrs{Name: "lo"}}, &netlink.Device{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}}
	if err := netlink.LinkSetUp(lo); err != nil || n.Mode == "none" {
		return err
	}
	err := netlink.LinkSetUp(eth0)
	if err == nil {
		err = netlink.AddrAdd(eth0, &netlink.Addr{IPNet: n.Address})
	}
	if err == nil {
		err = netlink.RouteAdd(&netlink.Route{LinkIndex: eth0.Index, Gw: host.IP})
	}
	if err != nil {
		return fmt.Errorf("setting up %v: %w", n.Address, err)
	}
	return nil
}

// remove takes away what was the container's, and what containers share if there is no other.
func (n *network) remove() {
	os.Remove(n.resolv)
	os.Remove(n.hosts)
	if n.cable != nil {
		netlink.LinkDel(n.cable) // the kernel would, but only some time after the last process in there has ended
	}
	if n.lock == nil || unix.Flock(int(n.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return
	}
	nft, err := nftables.New()
	if err == nil {
		nft.DelTable(nft.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "stave"})) // no error if it isn't there
		err = nft.Flush()
	}
	if err := errors.Join(err, netlink.LinkDel(bridge)); err != nil {
		fmt.Fprintln(os.Stderr, "step: removing the bridge:", err)
	}
}
