package cgroup

import "encoding/binary"

// An encoder lays values out as D-Bus has them ("Marshaling"): each at a multiple of its size.
type encoder struct{ b []byte }

func (e *encoder) align(n int) {
	for len(e.b)%n > 0 {
		e.b = append(e.b, 0)
	}
}

func (e *encoder) uint32(n uint32) {
	e.align(4)
	e.b = binary.LittleEndian.AppendUint32(e.b, n)
}

func (e *encoder) uint64(n uint64) {
	e.align(8)
	e.b = binary.LittleEndian.AppendUint64(e.b, n)
}

func (e *encoder) text(s string) {
	e.uint32(uint32(len(s)))
	e.b = append(append(e.b, s...), 0)
}

func (e *encoder) signature(s string) { e.b = append(append(append(e.b, byte(len(s))), s...), 0) }

// array is what elements encodes, after its size in bytes. align is that of an element.
func (e *encoder) array(align int, elements func()) {
	e.uint32(0)
	size := len(e.b) - 4
	e.align(align)
	begin := len(e.b)
	elements()
	binary.LittleEndian.PutUint32(e.b[size:], uint32(len(e.b)-begin))
}

// noUnits is the last argument of StartTransientUnit: units that are to be started with it.
type noUnits struct{}

// typeOf is the signature of what an encoder can encode.
func typeOf(v any) string {
	switch v.(type) {
	case string:
		return "s"
	case bool:
		return "b"
	case int32:
		return "i"
	case uint32:
		return "u"
	case int64:
		return "x"
	case uint64:
		return "t"
	case []byte:
		return "ay"
	case []uint32:
		return "au"
	case []string:
		return "as"
	case []deviceAllow:
		return "a(ss)"
	case []property:
		return "a(sv)"
	case noUnits:
		return "a(sa(sv))"
	}
	return ""
}

func (e *encoder) value(v any) {
	switch v := v.(type) {
	case string:
		e.text(v)
	case bool:
		n := uint32(0)
		if v {
			n = 1
		}
		e.uint32(n)
	case int32:
		e.uint32(uint32(v))
	case uint32:
		e.uint32(v)
	case int64:
		e.uint64(uint64(v))
	case uint64:
		e.uint64(v)
	case []byte:
		e.array(1, func() { e.b = append(e.b, v...) })
	case []uint32:
		each(e, 4, v, e.uint32)
	case []string:
		each(e, 4, v, e.text)
	case []deviceAllow:
		each(e, 8, v, func(d deviceAllow) { e.align(8); e.text(d.device); e.text(d.access) })
	case []property:
		each(e, 8, v, func(p property) { e.align(8); e.text(p.name); e.variant(p.value) })
	case noUnits:
		e.array(8, func() {})
	}
}

func each[T any](e *encoder, align int, list []T, element func(T)) {
	e.array(align, func() {
		for _, v := range list {
			element(v)
		}
	})
}

func (e *encoder) variant(v any) {
	e.signature(typeOf(v))
	e.value(v)
}

// encodeCall is a message that calls one of systemd's methods.
func encodeCall(serial uint32, iface, method string, args []any) []byte {
	var body encoder
	signature := ""
	for _, arg := range args {
		signature += typeOf(arg)
		body.value(arg)
	}
	e := encoder{b: []byte{'l', busCall, 0, 1}}
	e.uint32(uint32(len(body.b)))
	e.uint32(serial)
	e.array(8, func() {
		for _, f := range []struct {
			code  byte
			kind  string
			value string
		}{
			{fieldPath, "o", systemdPath}, {fieldDestination, "s", systemdName}, {fieldInterface, "s", iface}, {fieldMember, "s", method},
		} {
			e.align(8)
			e.b = append(e.b, f.code)
			e.signature(f.kind)
			e.text(f.value)
		}
		e.align(8)
		e.b = append(e.b, fieldSignature)
		e.signature("g")
		e.signature(signature)
	})
	e.align(8)
	return append(e.b, body.b...)
}
