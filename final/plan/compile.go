package plan

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// unset marks a result that doesn't exist: not yet, or because its call failed in an allowed way.
const unset = -1 << 63

// An instruction is what the child's loop takes: a call with every argument laid out, or a change of hands.
type instruction struct {
	kind     uint8
	refs     [6]int32 // the slot whose result replaces the argument, or -1
	result   int32    // the slot for what the call returns, or -1
	when     int32    // the slot that must have a result, or -1
	unless   int32    // the slot that must have none, or -1
	op, call int32    // where it stands in the plan
	nr       uintptr
	args     [6]uintptr
	fills    []fill // fields of structures that are results
	allow    []unix.Errno
}

// A fill is a field of a structure that takes a result.
type fill struct {
	slot int32
	at   unsafe.Pointer
	size int
}

const (
	doCall uint8 = iota
	passOn       // tell the parent it's its turn, with all results
	await        // wait for one's own turn
	refork       // go on as another process
	leave        // go on alone
)

// A program is a plan laid out in memory.
type program struct {
	plan    *Plan
	code    []instruction // the child's half
	slots   map[string]int32
	results []int64 // by slot
	pidfd   int32   // where clone puts it
	memory  []byte  // what is left of the latest piece, to lay arguments out in
	keep    runtime.Pinner
	pinned  []span
	fills   []fill // of the instruction in the making
}

// compile lays the plan out. Results of inputs are known from the start.
func (p *Plan) compile(inputs map[string]int) (*program, error) {
	if err := p.check(inputs); err != nil {
		return nil, err
	}
	g := &program{plan: p, slots: map[string]int32{}}
	calls := 0
	for _, op := range p.Ops {
		calls += len(op.Calls) + 1 // the change of hands before it
	}
	g.code = make([]instruction, 0, calls)
	for name, n := range inputs {
		g.results[g.slot(name)] = int64(n)
	}
	// Right after clone nobody waits: whoever the next operation names simply goes on.
	cloned, next := false, Parent
	for i, op := range p.Ops {
		if cloned && op.Actor != next {
			kind := passOn
			if op.Actor == Child {
				kind = await
			}
			g.code = append(g.code, instruction{kind: kind, op: int32(i)})
			next = op.Actor
		}
		if op.Actor == Parent && op.Calls[0].Clones() && i+1 < len(p.Ops) {
			cloned, next = true, p.Ops[i+1].Actor
		}
		for j, c := range op.Calls {
			g.declare(c)
			if op.Actor == Child {
				in, err := g.instruction(c)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", op.What, err)
				}
				in.op, in.call = int32(i), int32(j)
				g.code = append(g.code, in)
			}
		}
	}
	return g, nil
}

func (g *program) slot(name string) int32 {
	n, ok := g.slots[name]
	if !ok {
		n = int32(len(g.results))
		g.slots[name] = n
		g.results = append(g.results, unset)
	}
	return n
}

func (g *program) declare(c Call) {
	if c.Result != "" {
		g.slot(c.Result)
	}
	for _, a := range c.Args {
		for part := range a.all() {
			if part.kind == argOut {
				g.slot(part.text)
			}
		}
	}
}

// instruction lays out one call.
func (g *program) instruction(c Call) (instruction, error) {
	in := instruction{kind: doCall, nr: syscalls[c.Name], result: -1, when: g.known(c.If), unless: g.known(c.Unless), allow: c.Allow}
	switch {
	case c.Name == LetGo:
		in.kind = leave
	case c.Name == "clone" && len(c.Args) == 1:
		in.kind = refork
	}
	g.fills = nil
	for i := range in.refs {
		in.refs[i] = -1
	}
	if c.Result != "" {
		in.result = g.slots[c.Result]
	}
	for i, a := range c.Args {
		if a.kind == argRef {
			in.refs[i] = g.slots[a.text]
			continue
		}
		word, err := g.word(a)
		if err != nil {
			return in, err
		}
		in.args[i] = word
	}
	in.fills = g.fills
	return in, nil
}

// known is the slot of a name, or -1 for none.
func (g *program) known(name string) int32 {
	if name == "" {
		return -1
	}
	return g.slot(name)
}

// structure lays out the fields of one, and notes those that are results.
func (g *program) structure(a Arg) (uintptr, error) {
	b, address := g.room(a.size())
	at := 0
	for i, f := range a.more.parts {
		size := a.more.sizes[i]
		if f.kind == argRef {
			g.fills = append(g.fills, fill{slot: g.slots[f.text], at: unsafe.Pointer(&b[at]), size: size})
		} else {
			word, err := g.word(f)
			if err != nil {
				return 0, err
			}
			// Little-endian, as every machine that this is built for: the low bytes come first.
			copy(b[at:at+size], binary.LittleEndian.AppendUint64(nil, uint64(word)))
		}
		at += size
	}
	return address, nil
}

// word is an argument as the kernel takes it: a number, or the address of pinned memory.
func (g *program) word(a Arg) (uintptr, error) {
	switch a.kind {
	case argInt:
		return uintptr(a.num), nil
	case argString:
		return g.cstring(a.text)
	case argBytes:
		if len(a.more.bytes) == 0 {
			return 0, nil
		}
		return g.pin(unsafe.Pointer(&a.more.bytes[0]), len(a.more.bytes)), nil // not a copy: two calls may share it
	case argOut:
		return g.pin(unsafe.Pointer(&g.pidfd), 4), nil
	case argStruct:
		return g.structure(a)
	case argList:
		b, address := g.room(8 * (len(a.more.list) + 1))
		for i, s := range a.more.list {
			word, err := g.cstring(s)
			if err != nil {
				return 0, err
			}
			binary.NativeEndian.PutUint64(b[8*i:], uint64(word))
		}
		return address, nil
	case argConcat:
		s, err := g.join(a)
		if err != nil {
			return 0, err
		}
		return g.cstring(s)
	default:
		return 0, fmt.Errorf("plan: argument %s has no value of its own", a)
	}
}

// room is so much memory, all zeros, and where it is. It stays there until the program is released.
func (g *program) room(size int) ([]byte, uintptr) {
	const piece = 8192
	size = max((size+7)&^7, 8) // so that whatever comes after it is aligned
	if size > len(g.memory) {
		g.memory = make([]byte, max(size, piece))
		g.pin(unsafe.Pointer(&g.memory[0]), len(g.memory))
	}
	b := g.memory[:size]
	g.memory = g.memory[size:]
	return b, uintptr(unsafe.Pointer(&b[0]))
}

// pin keeps what p points to where it is until the program is released, so that a bare address of it stays good.
func (g *program) pin(p unsafe.Pointer, size int) uintptr {
	g.keep.Pin(p)
	g.pinned = append(g.pinned, span{uintptr(p), uintptr(p) + uintptr(size)})
	return uintptr(p)
}

func (g *program) cstring(s string) (uintptr, error) {
	if strings.IndexByte(s, 0) >= 0 {
		return 0, fmt.Errorf("%q has a NUL byte in it: %w", s, unix.EINVAL)
	}
	b, address := g.room(len(s) + 1)
	copy(b, s)
	return address, nil
}

// join makes the string of a Concat from results known by now.
func (g *program) join(a Arg) (string, error) {
	var b strings.Builder
	for _, part := range a.more.parts {
		if part.kind != argRef {
			b.WriteString(part.text)
			continue
		}
		n := g.results[g.slots[part.text]]
		if n == unset {
			return "", fmt.Errorf("plan: %s has no value", part.text)
		}
		fmt.Fprint(&b, n)
	}
	return b.String(), nil
}

// resultBytes is the memory of the results, to be sent and received whole.
func (g *program) resultBytes() []byte {
	if len(g.results) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&g.results[0])), len(g.results)*8)
}

// Words is the memory of a structure made of 64-bit fields in the machine's byte order: open_how, mount_attr.
func Words(fields ...uint64) []byte {
	b := make([]byte, 0, 8*len(fields))
	for _, f := range fields {
		b = binary.NativeEndian.AppendUint64(b, f)
	}
	return b
}

// HalfWords is the same for 32-bit fields: a list of group ids, the capability sets.
func HalfWords(fields ...uint32) []byte {
	b := make([]byte, 0, 4*len(fields))
	for _, f := range fields {
		b = binary.NativeEndian.AppendUint32(b, f)
	}
	return b
}
