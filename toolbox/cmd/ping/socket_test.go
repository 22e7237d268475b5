package ping

import (
	"encoding/binary"
	"testing"
)

// TestChecksum: what is sent with its checksum sums up to nothing; see RFC 1071.
func TestChecksum(t *testing.T) {
	for _, packet := range [][]byte{
		{8, 0, 0, 0, 0x12, 0x34, 0, 1}, {8, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1}, make([]byte, 64),
	} {
		binary.BigEndian.PutUint16(packet[2:], checksum(packet))
		if got := checksum(packet); got != 0 {
			t.Errorf("%v has the checksum %#x, not 0", packet, got)
		}
	}
	if got := checksum([]byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}); got != ^uint16(0xddf2) { // the RFC's example
		t.Errorf("the example has %#x", got)
	}
}

// FuzzReply: anybody can send us a packet.
func FuzzReply(f *testing.F) {
	f.Add([]byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, 1, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1, 0, 0, 0, 0, 0x12, 0x34, 0, 7}, false)
	f.Add([]byte{129, 0, 0, 0, 0x12, 0x34, 0, 7}, true)
	f.Add([]byte{0x4f}, false)
	f.Fuzz(func(t *testing.T, packet []byte, v6 bool) {
		s := socket{raw: true, v6: v6, identifier: 0x1234}
		ttl := 0
		if !v6 {
			var err error
			if packet, ttl, err = strip(packet); err != nil {
				return
			}
		}
		if a, ok := s.parse(packet); ok && (len(packet) < headerSize || a.size != len(packet) || ttl > 255) {
			t.Errorf("%v was taken for an answer: %+v", packet, a)
		}
		s.ttl(packet)
	})
}
