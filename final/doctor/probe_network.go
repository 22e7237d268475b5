package doctor

import (
	"encoding/binary"
	"errors"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// networks is what containers meet in, and on their way out.
var networks = []struct {
	name string
	try  func() error
}{
	{"a bridge", func() error { return makeLink("bridge") }},
	{"a pair of interfaces", func() error { return makeLink("veth") }},
	{"a table of nf_tables", makeTable},
}

// tryNetworks makes them, in the network namespace that Gather started us in, with which they go again.
func tryNetworks() map[string]unix.Errno {
	results := map[string]unix.Errno{}
	for _, n := range networks {
		results[n.name] = errno(n.try())
	}
	return results
}

// makeLink makes an interface of a kind; rtnetlink(7). The kernel chooses a name.
func makeLink(kind string) error {
	info := attribute(unix.IFLA_LINKINFO, attribute(unix.IFLA_INFO_KIND, []byte(kind)))
	return ask(unix.NETLINK_ROUTE, message{unix.RTM_NEWLINK, append(make([]byte, unix.SizeofIfInfomsg), info...)})
}

// makeTable makes an empty table of the firewall's. Such messages come between two that say where a batch begins and ends;
// include/uapi/linux/netfilter of the kernel's source has nfnetlink.h and nf_tables.h.
func makeTable() error {
	batch := []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, unix.NFNL_SUBSYS_NFTABLES}
	table := slices.Concat([]byte{unix.AF_INET, unix.NFNETLINK_V0, 0, 0}, attribute(unix.NFTA_TABLE_NAME, []byte("doctor\x00")))
	return ask(unix.NETLINK_NETFILTER, message{unix.NFNL_MSG_BATCH_BEGIN, batch},
		message{unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_NEWTABLE, table}, message{unix.NFNL_MSG_BATCH_END, batch})
}

// message is one of netlink's, without its header.
type message struct {
	kind uint16
	data []byte
}

// ask sends messages in one go, and returns what the kernel answers first: that one has failed, or that all is done. See netlink(7).
func ask(protocol int, messages ...message) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}); err != nil {
		return err
	}
	var all []byte
	for _, m := range messages {
		header := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(m.data)))
		header = binary.NativeEndian.AppendUint16(header, m.kind)
		header = binary.NativeEndian.AppendUint16(header, unix.NLM_F_REQUEST|unix.NLM_F_CREATE|unix.NLM_F_ACK)
		all = slices.Concat(all, header, make([]byte, 8), m.data)
	}
	if err := unix.Sendto(fd, all, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, answer, 0)
	if err != nil {
		return err
	}
	answers, err := syscall.ParseNetlinkMessage(answer[:n])
	if err != nil || len(answers) == 0 || answers[0].Header.Type != unix.NLMSG_ERROR || len(answers[0].Data) < 4 {
		return errors.Join(errors.New("the kernel's answer can't be read"), err)
	}
	if code := int32(binary.NativeEndian.Uint32(answers[0].Data)); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}

// attribute is a value with its length and type before it, padded to a multiple of four bytes; rtnetlink(7).
func attribute(kind uint16, value []byte) []byte {
	a := binary.NativeEndian.AppendUint16(nil, uint16(unix.SizeofRtAttr+len(value)))
	a = append(binary.NativeEndian.AppendUint16(a, kind), value...)
	return append(a, make([]byte, -len(a)&3)...)
}
